"""Search for clipped samples of a recording: samples at full scale, and flat tops below full scale."""

from __future__ import annotations

from math import ceil

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_FULL_SCALE = 0.9995  # low enough to include the two highest codes of a 16-bit or 24-bit converter
_TOP = 0.99  # level, relative to the peak, above which flat tops are searched for
# Largest difference between neighbouring samples of a flat top: one step of 16-bit audio, the size of the dither in a
# clipped recording that was attenuated later.
_FLAT_STEP = 1 / 32768 + 1e-6
_MIN_FLAT = 3  # smallest length of a flat top in samples
# Near the lowest note of a bass. No peak of a voice is flatter than that of a sine at this frequency.
_ROUNDEST_HZ = 60.0


def find_clipped(audio: Samples, sample_rate: int) -> NDArray[np.bool_]:
    """Return a mask (N,) of the samples of `audio` (N,) that are at full scale or on a flat top below it."""
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
