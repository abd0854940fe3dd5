"""Discriminators of waveforms and of spectra."""
