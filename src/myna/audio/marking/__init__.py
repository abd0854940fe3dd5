"""Inaudible mark in converted sound: its pattern, the embedder and the detector.

The mark is a spread-spectrum watermark (Cox, Kilian, Leighton and Shamoon, "Secure spread spectrum watermarking for
multimedia", 1997; Kirovski and Malvar, "Spread-spectrum watermarking of audio signals", 2003): a pseudo-random pattern
of small gains over time and frequency, which the detector correlates with the spectrum of a sound.
"""
