"""Synthesizers: conditions to audio. Each family has its own file; `models.families` is the table of them."""
