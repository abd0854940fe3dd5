"""Synthesizers, which compute audio from conditions. `models.families` lists them by their names in configurations."""
