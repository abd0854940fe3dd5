"""Reports of an evaluation as a table, JSON or an HTML page, and comparisons for the player of `svc gui`."""
