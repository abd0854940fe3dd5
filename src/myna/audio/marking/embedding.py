"""Embedding of the mark into a stream of samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from myna.audio.marking.pattern import CENTRES_HZ, CHIP_SECONDS, PERIOD, depths_db, signs
from myna.units import db_to_amplitude

Samples = NDArray[np.float32]

_WINDOW_SECONDS = 0.023  # much shorter than a chip, but long enough to separate the bands


def marked(blocks: Iterable[Samples], sample_rate: int) -> Iterator[Samples]:
    """Yield the sound of `blocks` (n,) with the mark; the total number of samples stays the same."""
    marker = Marker(sample_rate)
    for block in blocks:
        yield marker.add(block)
    yield marker.finish()


def marked_part(part: Samples, first: int, sample_rate: int) -> Samples:
    """Return a part of a recording (n,), marked exactly as it would be in the whole marked recording.

    Args:
        part: samples that begin and end in silence.
        first: index of the first sample of the part in the recording.
    """
    marker = Marker(sample_rate)
    before = first % marker.hop
    marker.skip(first // marker.hop)
    padded = np.concatenate([np.zeros(before, np.float32), part])
    return np.concatenate([marker.add(padded), marker.finish()])[before:]


class Marker:
    """Multiply the short-time spectrum of a stream by the gains of the mark.

    The output does not depend on the division into blocks. It lags behind the input by at most `delay` samples.
    """

    def __init__(self, sample_rate: int) -> None:
        self.delay = 2 ** round(np.log2(_WINDOW_SECONDS * sample_rate))
        self.hop = self.delay // 2
        self._hops_per_chip = CHIP_SECONDS * sample_rate / self.hop
        # Square root of a Hann window, for analysis and synthesis: the squares of overlapping windows sum to one.
        self._window = np.sin(np.pi * np.arange(self.delay) / self.delay).astype(np.float32)
        self._shapes = _band_shapes(np.fft.rfftfreq(self.delay, 1 / sample_rate))
        self._input = np.zeros(self.hop, np.float32)  # the first window begins one hop before the stream
        self._tail = np.zeros(self.hop, np.float32)  # second half of the last window after synthesis
        self._n_windows = 0
        self._n_skipped = 0  # number of skipped windows
        self._n_owed = 0  # number of samples that were added but not yet returned

    def skip(self, n_windows: int) -> None:
        """Skip the first `n_windows` windows of the mark's pattern. Call this before the first `add`."""
        self._n_skipped = n_windows

    def add(self, block: Samples) -> Samples:
        """Append samples (n,), and return the marked samples that are complete; their number varies."""
        self._n_owed += len(block)
        samples = np.concatenate([self._input, block])
        n_windows = len(samples) // self.hop - 1
        self._input = samples[n_windows * self.hop :]
        if not n_windows:
            return np.empty(0, np.float32)
        windows = sliding_window_view(samples, self.delay)[:: self.hop] * self._window
        spectra = np.fft.rfft(windows) * self._gains(n_windows)
        halves = (np.fft.irfft(spectra, self.delay).astype(np.float32) * self._window).reshape(-1, 2, self.hop)
        complete = halves[:, 0] + np.concatenate([self._tail[None], halves[:-1, 1]])
        complete = complete[1:] if self._n_windows == 0 else complete
        self._tail = halves[-1, 1]
        self._n_windows += n_windows
        self._n_owed -= complete.size
        flat: Samples = complete.reshape(-1)
        return flat

    def finish(self) -> Samples:
        """Return the last samples of the stream."""
        n_owed = self._n_owed
        return self.add(np.zeros(self.delay, np.float32))[:n_owed]

    def _gains(self, n_windows: int) -> NDArray[np.float32]:
        """Return the gains of the next windows, (windows, frequencies)."""
        first = self._n_skipped + self._n_windows
        centres = np.arange(first, first + n_windows) / self._hops_per_chip
        chips = centres.astype(int)
        sines = np.sin(2 * np.pi * (centres - chips))[:, None]
        levels_db = (signs()[chips % PERIOD] * depths_db() * sines).astype(np.float32)
        return db_to_amplitude(levels_db @ self._shapes)


def _band_shapes(frequencies: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the share of each band in the gain at each frequency (Hz), (bands, frequencies).

    Between the centres of two bands, the gain in dB is interpolated linearly, so that the filter has no steps.
    """
    width = CENTRES_HZ[1] - CENTRES_HZ[0]
    shapes: Samples = np.maximum(1 - np.abs(frequencies - CENTRES_HZ[:, None]) / width, 0).astype(np.float32)
    return shapes
