"""Pattern of the mark: one sign for each band and chip, and the size of the gain in each band.

A chip is a short stretch of time. During a chip, the level of each band follows one period of a sine: up and then down
for the sign 1, reversed for -1. The pattern repeats after `PERIOD` chips.
"""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
from numpy.typing import NDArray

CHIP_SECONDS = 0.08
PERIOD = 128  # chips after which the signs repeat
# Bands of equal width. Most of the power of singing lies between these edges, and telephones and mp3 files of low bit
# rates keep most of this range.
EDGES_HZ = np.linspace(400.0, 8000.0, 65)
CENTRES_HZ = (EDGES_HZ[1:] + EDGES_HZ[:-1]) / 2

# The signs are public: everybody who has this program can find the mark.
_SEED = b"myna: mark of converted sound, version 1"
# Largest gain in dB in a band that is as wide as an auditory filter. A change of about 1 dB in an auditory filter is
# just audible (Zwicker and Fastl, "Psychoacoustics", 1999, chapter 7).
_DEPTH_DB = 0.7


@cache
def signs() -> NDArray[np.float32]:
    """Return the signs, (PERIOD, bands), each -1 or 1.

    The signs come from a hash, because libraries may change their random number generators between versions.
    """
    n_bits = PERIOD * len(CENTRES_HZ)
    bits = np.unpackbits(np.frombuffer(hashlib.shake_256(_SEED).digest(n_bits // 8), np.uint8))
    return (2.0 * bits - 1).astype(np.float32).reshape(PERIOD, -1)


@cache
def depths_db() -> NDArray[np.float32]:
    """Return the largest gain of each band in dB, (bands,).

    An auditory filter at a high frequency covers several bands with independent signs, so its level changes by less
    than the level of a band. The depth grows with frequency to make the changes equal in all auditory filters. Their
    widths are from Glasberg and Moore, "Derivation of auditory filter shapes from notched-noise data", 1990.
    """
    filter_hz = 24.7 * (1 + 4.37e-3 * CENTRES_HZ)
    return (_DEPTH_DB * np.sqrt(np.maximum(filter_hz / np.diff(EDGES_HZ), 1))).astype(np.float32)
