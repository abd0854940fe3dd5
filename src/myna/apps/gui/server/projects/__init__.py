"""Voices in training as the page shows them: states of the steps, recordings, plan, checkpoints and comparison."""
