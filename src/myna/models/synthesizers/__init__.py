"""Synthesizers, which compute audio from conditions. `models.families` lists them by the names used in a config."""
