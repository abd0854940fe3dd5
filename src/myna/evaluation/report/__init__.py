"""Reports of an evaluation as a table, JSON or an HTML page, and a comparison for the page's player."""
