"""Ring buffer between a sound card's callback and the converting worker."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


class Ring:
    """Buffer of fixed size for one writing and one reading thread, without locks and without allocating samples.

    Each counter is changed by one thread only: `_written` after it stored samples, and `_read` after it copied samples.
    """

    def __init__(self, capacity: int) -> None:
        self._samples = np.zeros(capacity, np.float32)
        self._written = 0
        self._read = 0

    @property
    def fill(self) -> int:
        """Number of samples that can be read."""
        return self._written - self._read

    def write(self, samples: Samples) -> int:
        """Append as many of `samples` (n,) as fit, and return their number."""
        n = min(len(samples), len(self._samples) - self.fill)
        start = self._written % len(self._samples)
        first = min(n, len(self._samples) - start)
        self._samples[start : start + first] = samples[:first]
        self._samples[: n - first] = samples[first:n]
        self._written += n
        return n

    def read(self, out: Samples) -> int:
        """Move samples to the beginning of `out` until it is full or the ring is empty; return their number."""
        n = min(len(out), self.fill)
        start = self._read % len(self._samples)
        first = min(n, len(self._samples) - start)
        out[:first] = self._samples[start : start + first]
        out[first:n] = self._samples[: n - first]
        self._read += n
        return n

    def skip(self, n: int) -> int:
        """Discard up to `n` of the oldest samples, and return their number; only for the reading thread."""
        n = min(max(n, 0), self.fill)
        self._read += n
        return n
