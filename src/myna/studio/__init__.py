"""Tools for making a voice: recording prompts, checks of takes, and the folders for voices and results."""
