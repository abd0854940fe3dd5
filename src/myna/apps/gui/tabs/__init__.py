"""A tab of the page is a file here, with `build(studio)`, and a line in the table of `myna.apps.gui.page`."""
