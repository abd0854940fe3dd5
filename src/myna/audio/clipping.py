"""Clipped samples of a recording: those at full scale, and flat tops below it."""

from __future__ import annotations

from math import ceil

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_FULL_SCALE = 0.9995  # low enough to include the two highest codes of a 16-bit or 24-bit converter
_TOP = 0.99  # flat tops are searched for above this share of the peak
# Largest difference within a flat top, one step of 16-bit audio: clipped audio that was attenuated later is flat except
# for its dither.
_FLAT_STEP = 1 / 32768 + 1e-6
_MIN_FLAT = 3  # in samples
# The peak of a sine at this frequency, near the lowest note of a bass, is as flat as a voice can produce.
_ROUNDEST_HZ = 60.0


def find_clipped(audio: Samples, sample_rate: int) -> NDArray[np.bool_]:
    """Return which samples (N,) of `audio` (N,) are at full scale or on a flat top below it."""
    clipped: NDArray[np.bool_] = np.abs(audio) >= _FULL_SCALE
    for signed in (audio, -audio):
        peak = float(signed.max(initial=0.0))
        if peak <= 0:
            continue
        step = max(_FLAT_STEP, 1e-4 * peak)
        # Starting at its peak, the slope of a sine at `_ROUNDEST_HZ` grows by `bend` per sample. The flat part of its
        # peak is therefore shorter than `min_length`.
        bend = peak * (2 * np.pi * _ROUNDEST_HZ / sample_rate) ** 2
        min_length = max(_MIN_FLAT, ceil(2 * step / bend + 2))
        top = signed >= _TOP * peak
        flat = top[1:] & top[:-1] & (np.abs(np.diff(signed)) <= step)
        edges = np.diff(np.concatenate([[0], flat.astype(np.int8), [0]]))
        for start, end in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
            if end - start + 1 >= min_length:
                clipped[start : end + 1] = True
    return clipped
