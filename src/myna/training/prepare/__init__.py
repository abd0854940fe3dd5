"""Preparation of training data from recordings: clips, the configuration, lists of clips, and their features."""
