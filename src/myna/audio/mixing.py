"""Mixing of several channels to one. The mix keeps the level of a voice at any place in the stereo image."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from myna.units import db_to_power

Samples = NDArray[np.float32]

# Longer than a period of a voice. The mean of each block is subtracted to remove offset and rumble, which would
# correlate the channels.
_BLOCK_SECONDS = 0.02
# A channel is used if blocks with at least this share of the energy are at most this much softer in it than in the
# loudest channel. Crosstalk and reverberation in the opposite channel are softer, and clicks have less energy.
_NEAR_DB = -12.0
_LEAST_SHARE = 0.01
# At this correlation with the loudest channel, the difference of two equally loud channels is 3 dB louder than the sum.
_INVERTED_CORRELATION = -1 / 3
# Recordings with more channels have no loudspeaker layout, and computing their correlations would take long.
_MOST_CHANNELS = 16


class Mix(NamedTuple):
    """The channels that are averaged to mono, and the polarity of each: 1, or -1 if inverted."""

    channels: tuple[int, ...]
    polarity: tuple[int, ...]

    def __call__(self, piece: Samples) -> Samples:
        """Mix samples (n, C) to mono, (n,)."""
        if len(self.channels) == 1:
            return piece[:, self.channels[0]]
        used = piece if len(self.channels) == piece.shape[1] else piece[:, self.channels]
        mixed: Samples = (used * np.array(self.polarity, np.float32)).mean(axis=1)
        return mixed


class MixMeter:
    """Measurement of the best mix of a recording; `mix` may be called before all samples were added."""

    def __init__(self, n_channels: int, sample_rate: int) -> None:
        self._n_channels = n_channels
        self._block_samples = max(round(_BLOCK_SECONDS * sample_rate), 2)
        self._rest = np.empty((0, n_channels), np.float32)
        self._covariance = np.zeros((n_channels, n_channels))
        self._energy = 0.0  # total energy of the loudest channel of each block
        self._near_energy = np.zeros(n_channels)  # the same, over the blocks in which each channel is nearly as loud

    def add(self, piece: Samples) -> None:
        """Measure the next samples (n, C)."""
        if self._n_channels > _MOST_CHANNELS:
            return
        joined = np.concatenate([self._rest, piece])
        whole = len(joined) - len(joined) % self._block_samples
        self._rest = joined[whole:]
        self._add_blocks(joined[:whole].reshape(-1, self._block_samples, self._n_channels))

    def mix(self) -> Mix:
        """Return the mix for the samples so far; the mean of all channels if they are silent."""
        if len(self._rest) > 1:
            self._add_blocks(self._rest[None])
            self._rest = self._rest[:0]
        everything = Mix(tuple(range(self._n_channels)), (1,) * self._n_channels)
        if not self._energy:
            return everything
        channels = np.flatnonzero(self._near_energy >= _LEAST_SHARE * self._energy)
        power = np.diag(self._covariance)
        loudest = channels[np.argmax(power[channels])]
        correlation = self._covariance[loudest, channels] / np.sqrt(power[loudest] * power[channels])
        polarity = np.where(correlation < _INVERTED_CORRELATION, -1, 1)
        return Mix(tuple(channels.tolist()), tuple(polarity.tolist()))

    def _add_blocks(self, blocks: Samples) -> None:
        """Measure blocks (B, n, C)."""
        centred = blocks - blocks.mean(axis=1, keepdims=True, dtype=np.float64)
        self._covariance += np.einsum("bnc,bnd->cd", centred, centred)
        energy = np.square(centred).sum(axis=1)
        loudest = energy.max(axis=1, initial=0.0)
        self._energy += float(loudest.sum())
        near = energy >= loudest[:, None] * db_to_power(_NEAR_DB)
        self._near_energy += (near * loudest[:, None]).sum(axis=0)
