"""Synthetic music for tests of separation: bass, chords and drums, in stereo."""

from __future__ import annotations

import numpy as np

RATE = 44100
_CHORDS_HZ = ((110.0, 220.0, 277.2, 329.6), (98.0, 196.0, 246.9, 293.7), (73.4, 220.0, 293.7, 370.0))


def accompaniment(seconds: float, sample_rate: int = RATE) -> np.ndarray:
    """Return music, (2, N), with a root mean square of 0.1."""
    n = round(seconds * sample_rate)
    t = np.arange(n) / sample_rate
    noise = np.random.default_rng(0).standard_normal(n)
    beat, since = np.divmod(t, 0.5)  # number of the beat, and seconds since it began
    drums = 3 * np.sin(2 * np.pi * 50 * since) * np.exp(-20 * since) * (beat % 2 == 0)
    music = np.stack([drums, drums]) + np.array([[0.8], [1.2]]) * noise * np.exp(-40 * since) * (beat % 2 == 1)
    for number, (bass, *chord) in enumerate(_CHORDS_HZ):
        on = beat // 4 % len(_CHORDS_HZ) == number
        for side, detuned in enumerate((0.999, 1.001)):
            plucked = sum(_string(hz * detuned, t) for hz in chord) * np.exp(-4 * since)
            music[side] += on * (_string(bass, t) + plucked)
    return (music * 0.1 / np.sqrt(np.square(music).mean())).astype(np.float32)


def _string(hz: float, t: np.ndarray) -> np.ndarray:
    """A tone whose partials fall by 6 dB per octave."""
    return sum(np.sin(2 * np.pi * k * hz * t + k) / k for k in range(1, 13))
