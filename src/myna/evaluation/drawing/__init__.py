"""Axes, pitch curves, spectrogram images and pictures, shared by the report, the demo and the page's player."""
