"""Pattern of the mark: one sign for each band and chip, and the size of the gain in each band.

A chip is a short stretch of time. During a chip, the level of each band goes up and then down, or the reverse, by one
period of a sine. The sign decides which. The pattern repeats after `PERIOD` chips.
"""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
from numpy.typing import NDArray

CHIP_SECONDS = 0.08
PERIOD = 128  # chips after which the signs repeat
# Bands of equal width. Between these edges is most of the power of singing, and most of what a telephone or an mp3 of a
# low bit rate keeps.
EDGES_HZ = np.linspace(400.0, 8000.0, 65)
CENTRES_HZ = (EDGES_HZ[1:] + EDGES_HZ[:-1]) / 2

# The signs are public: whoever has this program can find the mark.
_SEED = b"myna: mark of converted sound, version 1"
# Largest gain in dB where a band is as wide as the filters of the ear. A change of about 1 dB in one of these filters
# is just audible (Zwicker and Fastl, "Psychoacoustics", 1999, chapter 7).
_DEPTH_DB = 0.7


@cache
def signs() -> NDArray[np.float32]:
    """Return the signs, (PERIOD, bands), each -1 or 1.

    They come from a hash, because the streams of random number generators may change between versions of a library.
    """
    n_bits = PERIOD * len(CENTRES_HZ)
    bits = np.unpackbits(np.frombuffer(hashlib.shake_256(_SEED).digest(n_bits // 8), np.uint8))
    return (2.0 * bits - 1).astype(np.float32).reshape(PERIOD, -1)


@cache
def depths_db() -> NDArray[np.float32]:
    """Return the largest gain of each band in dB, (bands,).

    An auditory filter at a high frequency covers several bands of independent signs, so that its level changes by less
    than theirs. The depth grows such that the level of every filter changes equally. Widths of the filters: Glasberg
    and Moore, "Derivation of auditory filter shapes from notched-noise data", 1990.
    """
    filter_hz = 24.7 * (1 + 4.37e-3 * CENTRES_HZ)
    return (_DEPTH_DB * np.sqrt(np.maximum(filter_hz / np.diff(EDGES_HZ), 1))).astype(np.float32)
