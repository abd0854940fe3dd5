"""What was measured, for people and for machines: a table, JSON, and one HTML page."""
