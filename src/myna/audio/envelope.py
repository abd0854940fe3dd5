"""Loudness envelope: the level of a sound over time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from myna.units import db_to_amplitude, db_to_power, power_to_db

Samples = NDArray[np.float32]

_HOP_SECONDS = 0.005
# Weights of the moving average over 100 ms: shorter than a syllable, longer than a period of the lowest voice.
_WEIGHTS = np.hanning(21 + 2)[1:-1] / np.hanning(21 + 2)[1:-1].sum()
_FLOOR_DB = -70.0  # relative to full scale; lower levels are inaudible and count as this one
_MOST_DB = 30.0


def envelope_db(audio: Samples, sample_rate: int) -> NDArray[np.float64]:
    """Return the level of `audio` (N,) in dB relative to full scale, every 5 ms."""
    hop = round(_HOP_SECONDS * sample_rate)
    n_hops = -(-len(audio) // hop)
    power = np.square(np.pad(audio, (0, n_hops * hop - len(audio))), dtype=np.float64).reshape(-1, hop).mean(axis=1)
    half = len(_WEIGHTS) // 2
    smooth = np.convolve(np.pad(power, half, mode="edge"), _WEIGHTS, "valid")
    return np.asarray(power_to_db(np.maximum(smooth, db_to_power(_FLOOR_DB))))


def with_envelope_of(audio: Samples, reference: Samples, share: float, sample_rate: int) -> Samples:
    """Change the level contour of `audio` (N,) towards that of `reference` (N,).

    Args:
        share: 0 keeps the level contour of `audio`; 1 replaces it with that of `reference`.
    """
    difference = envelope_db(reference, sample_rate) - envelope_db(audio, sample_rate)
    gain_db = share * difference.clip(-_MOST_DB, _MOST_DB)
    hop = round(_HOP_SECONDS * sample_rate)
    middles = (np.arange(len(gain_db)) + 0.5) * hop
    gains = db_to_amplitude(np.interp(np.arange(len(audio)), middles, gain_db))
    return (audio * gains).astype(np.float32)
