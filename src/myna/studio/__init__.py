"""Tools for making a voice: prompts to read and sing, checks of takes, and the folders of voices and results."""
