"""Power spectra of overlapping frames of a recording, given in blocks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


class PowerFrames:
    """Power spectra of frames of two hops, with a Hann window."""

    def __init__(self, hop_length: int, *, centered: bool) -> None:
        """
        Args:
            hop_length: in samples.
            centered: centre the first frame on the first sample; otherwise the frame begins with the first sample.
        """
        self.window: Samples = np.hanning(2 * hop_length + 1)[:-1].astype(np.float32)
        self._hop = hop_length
        self._n_before = hop_length if centered else 0
        self._rest: Samples | None = None

    def push(self, block: Samples) -> NDArray[np.floating]:
        """Append samples (C, n); return the power spectra of complete frames, summed over channels, (T, n_bins)."""
        if self._rest is None:
            self._rest = np.zeros((len(block), self._n_before), np.float32)
        joined = np.concatenate([self._rest, block], axis=1)
        n_frames = max(joined.shape[1] // self._hop - 1, 0)
        self._rest = joined[:, n_frames * self._hop :]
        if not n_frames:
            return np.zeros((0, self._hop + 1), np.float32)
        frames = np.lib.stride_tricks.sliding_window_view(joined, 2 * self._hop, axis=1)[:, :: self._hop]
        spectrum = np.fft.rfft(frames[:, :n_frames] * self.window)
        return np.asarray((np.square(spectrum.real) + np.square(spectrum.imag)).sum(axis=0))

    def finish(self) -> NDArray[np.floating]:
        """Return the power spectra of the last frames, padded with silence."""
        if self._rest is None:
            return np.zeros((0, self._hop + 1), np.float32)
        n_missing = -self._rest.shape[1] % self._hop + self._hop
        return self.push(np.zeros((len(self._rest), n_missing), np.float32))
