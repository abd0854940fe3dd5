"""Axes, pitch curves, spectrograms and whole pictures for the report, the demo and the player of `svc gui`."""
