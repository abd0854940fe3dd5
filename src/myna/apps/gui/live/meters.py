"""Measurement of live sound: the level and the pitch of the last second."""

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
# The estimator needs sound on both sides of a frame; these are its error-free distances from the ends.
_CONTEXT_FRAMES, _MARGIN_FRAMES = 4, 2
_LEAST_FRAMES = 6  # measured at once: one call costs about 8 ms, which hardly depends on the number of frames
_ENOUGH_SECONDS = 10.0  # of singing, for the range of a singer
_EMPTY = np.empty(0, np.float32)


class Level:
    """Level of a signal since it was read last."""

    def __init__(self) -> None:
        self._powers: list[float] = []
        self._db = SILENCE_DB

    def add(self, block: Samples) -> None:
        """Take samples, (n,)."""
        if len(block):
            self._powers.append(float(np.mean(np.square(block), dtype=np.float64)))

    def read_db(self) -> float:
        """Return the highest mean square of a block in dB relative to full scale; the last one if no block came."""
        if self._powers:
            self._db = max(power_to_db(max(self._powers) + 1e-12), SILENCE_DB)
            self._powers.clear()
        return self._db


class PitchTrace:
    """f0 of a signal, measured in frames of `FRAME_SECONDS` while the signal grows."""

    def __init__(self, sample_rate: int, start_seconds: float = 0.0) -> None:
        """
        Args:
            start_seconds: time of the first sample.
        """
        self._rate = sample_rate
        self._start_seconds = start_seconds
        self._hop = round(FRAME_SECONDS * sample_rate)
        self._audio = _EMPTY  # from the beginning of the frame `_first` on
        self._first = 0
        self._n_measured = 0  # frames
        self._peak = 0.0
        self._last: deque[float] = deque(maxlen=_KEPT_FRAMES)

    def measure(self, block: Samples) -> Samples:
        """Append samples (n,), and return the f0 (T,) in Hz, 0 where unvoiced, of the frames that are now measured."""
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
        """Return the time in seconds and the f0 in Hz (None if unvoiced) of the last second.

        Args:
            delay_seconds: delay of the signal; the times are earlier by it.
        """
        middle = (self._n_measured - len(self._last) + 0.5) * FRAME_SECONDS
        start = self._start_seconds + middle - delay_seconds
        return [
            (round(start + i * FRAME_SECONDS, 3), round(hz, 1) if hz > 0 else None) for i, hz in enumerate(self._last)
        ]


class SingerRange:
    """Range of a singer's pitch, from the first ten seconds of singing."""

    def __init__(self) -> None:
        self.found: PitchRange | None = None
        self._voiced: list[float] = []

    @property
    def seconds(self) -> float:
        """Length of the singing that was measured."""
        return len(self._voiced) * FRAME_SECONDS

    def add(self, f0: Samples) -> bool:
        """Take measured f0, (T,) in Hz, and return whether the range was found just now."""
        if self.found is not None:
            return False
        self._voiced.extend(map(float, f0[f0 > 0]))
        if self.seconds >= _ENOUGH_SECONDS:
            self.found = pitch_range(np.array(self._voiced))
        return self.found is not None
