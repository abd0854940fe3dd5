"""Tabs of the page. Each is a module with `build(studio)`, listed in the table in `myna.apps.gui.page`."""
