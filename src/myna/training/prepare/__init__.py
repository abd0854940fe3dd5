"""Preparation of training data from recordings: clips, their features, lists of clips, and the configuration."""
