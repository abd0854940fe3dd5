"""Discriminators that score waveforms, and discriminators that score spectra."""
