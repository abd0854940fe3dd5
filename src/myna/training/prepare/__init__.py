"""Preparation of training data from recordings: clips, a configuration with lists, and the features of each clip."""
