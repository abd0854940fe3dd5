"""Tabs of the page: one module each, with `build(studio)`, listed in the table of `myna.apps.gui.page`."""
