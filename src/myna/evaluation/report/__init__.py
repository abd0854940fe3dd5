"""Reports of an evaluation: a table, JSON, an HTML page, and a comparison for the page's player."""
