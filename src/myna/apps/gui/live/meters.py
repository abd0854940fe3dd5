"""Measurement of live sound: its level, and its pitch in the last second."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from myna.config import PitchRange
from myna.features.contour import pitch_range
from myna.features.f0 import F0_ESTIMATORS
from myna.options import DEFAULT_F0_METHOD
from myna.units import power_to_db

Samples = NDArray[np.float32]

FRAME_SECONDS = 0.025
SILENCE_DB = -120.0
_KEPT_FRAMES = 40
# The estimator needs sound on both sides of a frame. At these distances from the ends, it makes no errors.
_CONTEXT_FRAMES, _MARGIN_FRAMES = 4, 2
_LEAST_FRAMES = 6  # smallest number to measure at once: a call takes about 8 ms, almost regardless of the number
_ENOUGH_SECONDS = 10.0  # length of the singing from which a singer's range is measured
_EMPTY = np.empty(0, np.float32)


class Level:
    """Peak level of a signal since the last reading."""

    def __init__(self) -> None:
        self._peaks: list[float] = []
        self._db = SILENCE_DB

    def add(self, block: Samples) -> None:
        """Append samples (n,)."""
        if len(block):
            self._peaks.append(float(np.abs(block).max()))

    def read_db(self) -> float:
        """Return the peak in dB relative to full scale, or the last one if no block was appended since."""
        if self._peaks:
            self._db = max(power_to_db(max(self._peaks) ** 2 + 1e-12), SILENCE_DB)
            self._peaks.clear()
        return self._db


class PitchTrace:
    """f0 of a signal that is appended in blocks, in frames of `FRAME_SECONDS`."""

    def __init__(self, sample_rate: int, start_seconds: float = 0.0) -> None:
        """
        Args:
            start_seconds: time of the first sample.
        """
        self._rate = sample_rate
        self._start_seconds = start_seconds
        self._hop = round(FRAME_SECONDS * sample_rate)
        self._audio = _EMPTY  # samples from the beginning of frame `_first` on
        self._first = 0
        self._n_measured = 0  # number of measured frames
        self._peak = 0.0
        self._last: deque[float] = deque(maxlen=_KEPT_FRAMES)

    def measure(self, block: Samples) -> Samples:
        """Append samples (n,), and return the f0 (T,) in Hz, 0 where unvoiced, of the newly measured frames."""
        self._audio = np.concatenate([self._audio, block])
        self._peak = max(self._peak, float(np.abs(block).max(initial=0)))
        n_new = self._first + len(self._audio) // self._hop - _MARGIN_FRAMES - self._n_measured
        if n_new < _LEAST_FRAMES:
            return _EMPTY
        contour = F0_ESTIMATORS[DEFAULT_F0_METHOD](self._audio, self._rate, self._hop, peak=self._peak)
        start = self._n_measured - self._first
        found = contour[start : start + n_new]
        self._n_measured += n_new
        self._last.extend(map(float, found))
        first = max(self._n_measured - _CONTEXT_FRAMES, 0)
        self._audio = self._audio[(first - self._first) * self._hop :]
        self._first = first
        return found

    def last(self, delay_seconds: float = 0.0) -> list[tuple[float, float | None]]:
        """Return (time in seconds, f0 in Hz or None if unvoiced) for the frames of the last second.

        Args:
            delay_seconds: delay of the signal, which is subtracted from the times.
        """
        middle = (self._n_measured - len(self._last) + 0.5) * FRAME_SECONDS
        start = self._start_seconds + middle - delay_seconds
        return [
            (round(start + i * FRAME_SECONDS, 3), round(hz, 1) if hz > 0 else None) for i, hz in enumerate(self._last)
        ]


class SingerRange:
    """Pitch range of a singer, measured in the first ten seconds of singing."""

    def __init__(self) -> None:
        self.found: PitchRange | None = None
        self._voiced: list[float] = []

    @property
    def seconds(self) -> float:
        """Length of the measured singing."""
        return len(self._voiced) * FRAME_SECONDS

    def add(self, f0: Samples) -> bool:
        """Add measured f0 (T,) in Hz; return True if this completes the measurement of the range."""
        if self.found is not None:
            return False
        self._voiced.extend(map(float, f0[f0 > 0]))
        if self.seconds >= _ENOUGH_SECONDS:
            self.found = pitch_range(np.array(self._voiced))
        return self.found is not None
