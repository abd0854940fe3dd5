"""Synthesizers compute audio from conditions. Each family has its own file; the table in `models.families` lists them."""
