"""Tools for making a voice: prompts for recordings, checks of recordings, and the folders of voices and results."""
