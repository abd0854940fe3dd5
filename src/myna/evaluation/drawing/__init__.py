"""Axes, pitch curves, spectrogram images and pictures for the report, the demo and the page's player."""
