"""Conversion times of the blocks, and gaps of the output, over the recent past."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

_BLOCKS = 200  # number of blocks for the percentiles
GAP_SECONDS = 10.0  # length of the past in which gaps are counted


@dataclass(frozen=True)
class ComputeTimes:
    """Percentiles of the conversion time of a block in seconds; 0 before the first block."""

    median: float = 0.0
    p95: float = 0.0
    p99: float = 0.0

    @classmethod
    def of(cls, seconds: list[float]) -> ComputeTimes:
        """Return the percentiles of the given times."""
        return cls(*map(float, np.percentile(seconds, [50, 95, 99]))) if seconds else cls()


class Statistics:
    """Statistics of the worker; other threads may read them at any time."""

    def __init__(self) -> None:
        self.n_blocks = 0
        self.n_gaps = 0
        self._compute: deque[float] = deque(maxlen=_BLOCKS)
        self._gaps: deque[float] = deque()

    def add_block(self, compute_seconds: float) -> None:
        """Count a block and its conversion time."""
        self.n_blocks += 1
        self._compute.append(compute_seconds)

    def update_gaps(self, n_gaps: int, now: float) -> None:
        """Record the number of gaps in the output from the start until the time `now`, in seconds."""
        self._gaps.extend([now] * (n_gaps - self.n_gaps))
        self.n_gaps = n_gaps
        while self._gaps and self._gaps[0] < now - GAP_SECONDS:
            self._gaps.popleft()

    @property
    def recent_gaps(self) -> int:
        """Number of gaps in the last `GAP_SECONDS`."""
        return len(self._gaps)

    def compute_times(self) -> ComputeTimes:
        """Return the percentiles over the last blocks."""
        return ComputeTimes.of(list(self._compute))
