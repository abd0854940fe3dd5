"""Synthesizers: conditions to audio. One family a file; `models.families` is the table of them."""
