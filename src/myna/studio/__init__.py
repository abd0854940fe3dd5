"""Tools for making a voice: recording prompts, checks of recordings, and the folders for voices and results."""
