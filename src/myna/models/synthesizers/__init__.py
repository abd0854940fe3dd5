"""Synthesizers compute audio from conditions. Each family has its own file; `models.families` lists them."""
