"""Resampler of a stream with a ratio that may change between blocks."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, floor

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_ZERO_CROSSINGS = 32  # zero crossings of the sinc on each side
# Number of phases. Coefficients between two phases are interpolated linearly; the error is below -100 dB.
_PHASES = 512
# With this Kaiser window, aliases are below -80 dB, and the cutoff is between 0.84 and 1 times the lower Nyquist
# frequency.
_BETA, _CUTOFF = 8.0, 0.92
_PART = 512  # output samples computed at once, so that their coefficients stay in the cache


class Resampler:
    """Convert the sample rate of a stream with a windowed sinc.

    For a constant ratio, output sample k is the input at time k / ratio. Time stays continuous when `ratio` changes, so
    small changes are inaudible.
    """

    def __init__(self, ratio: float) -> None:
        """
        Args:
            ratio: output rate divided by input rate. The attribute may be changed later by up to one percent.
        """
        self.ratio = ratio
        self._table = _coefficients(round(min(ratio, 1.0), 6))
        self._half: int = self._table.shape[1] // 2
        # Time of the next output sample, as an index of the buffer; the buffer begins with silence before the stream.
        self._buffer = np.zeros(self._half - 1, np.float32)
        self._position = self._half - 1.0

    @property
    def lookahead(self) -> int:
        """Number of input samples after the time of an output sample on which this sample depends."""
        return self._half

    def push(self, block: Samples) -> Samples:
        """Append samples (n,), and return the output samples that are now complete; their number varies."""
        buffer = np.concatenate([self._buffer, block])
        step = 1 / self.ratio
        n_out = max(ceil((len(buffer) - self._half - self._position) / step), 0)
        times = self._position + step * np.arange(n_out)
        parts = [self._at(buffer, times[first : first + _PART]) for first in range(0, n_out, _PART)]
        self._position += step * n_out
        used = min(floor(self._position) - (self._half - 1), len(buffer))
        self._buffer = buffer[used:]
        self._position -= used
        return np.concatenate(parts) if parts else np.empty(0, np.float32)

    def _at(self, buffer: Samples, times: NDArray[np.float64]) -> Samples:
        """Return the values of `buffer` at `times`, which are fractional indices."""
        before = times.astype(np.int64)
        phase = (times - before) * _PHASES
        row = phase.astype(np.int64)
        coefficients = self._table[row]
        coefficients += (phase - row).astype(np.float32)[:, None] * (self._table[row + 1] - coefficients)
        windows = sliding_window_view(buffer, 2 * self._half)[before - (self._half - 1)]
        sound: Samples = np.einsum("nk,nk->n", windows, coefficients)
        return sound


@lru_cache(maxsize=16)
def _coefficients(bandwidth: float) -> Samples:
    """Return the windowed sinc at each phase, (_PHASES + 1, coefficients).

    Args:
        bandwidth: output rate divided by input rate, at most 1.
    """
    half = ceil(_ZERO_CROSSINGS / bandwidth)
    offsets = np.arange(1 - half, half + 1) - np.arange(_PHASES + 1)[:, None] / _PHASES
    cutoff = _CUTOFF * bandwidth
    window = np.i0(_BETA * np.sqrt(np.maximum(1 - (offsets / half) ** 2, 0))) / np.i0(_BETA)
    table = cutoff * np.sinc(cutoff * offsets) * window
    coefficients: Samples = (table / table.sum(1, keepdims=True)).astype(np.float32)
    return coefficients
