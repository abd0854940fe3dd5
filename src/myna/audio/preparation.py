"""Preparation of recordings: one channel at one sample rate, without offset and rumble.

for block in prepared("song.mp3", 44100, 1 << 16): ...

The level is not normalised, because a conversion gets the level of its source.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from myna.audio import io

Samples = NDArray[np.float32]

# The filter attenuates frequencies up to 25 Hz by more than 70 dB and keeps those from 50 Hz on, below the lowest sung
# note. For this, the impulse response is 0.1 s long on each side.
LOOK_AHEAD_SECONDS = 0.1
_CUTOFF_HZ = 37.5
_KAISER_BETA = 7.86
_FFT_SAMPLES = 1 << 16


class RumbleFilter:
    """Zero-phase high-pass filter for consecutive blocks of a signal.

    The output is aligned with the input. Until `finish`, it is therefore `look_ahead` samples shorter than the input.
    The signal is mirrored at its ends, so that a constant offset is removed there too.
    """

    def __init__(self, sample_rate: int) -> None:
        self.look_ahead = round(LOOK_AHEAD_SECONDS * sample_rate)
        self._sample_rate = sample_rate
        self._held = np.empty(0)  # samples around the next output
        self._is_begun = False

    def push(self, block: Samples) -> Samples:
        """Append samples (n,), and return the filtered samples that are complete."""
        self._held = np.concatenate([self._held, block])
        if not self._is_begun:
            if len(self._held) < self.look_ahead:
                return np.empty(0, np.float32)
            self._held = np.pad(self._held, (self.look_ahead, 0), "symmetric")
            self._is_begun = True
        return self._filtered()

    def finish(self) -> Samples:
        """Return the last filtered samples: `look_ahead`, or fewer if the signal is shorter."""
        if not len(self._held):
            return np.empty(0, np.float32)
        self._held = np.pad(self._held, (0 if self._is_begun else self.look_ahead, self.look_ahead), "symmetric")
        return self._filtered()

    def _filtered(self) -> Samples:
        """Return the filtered held samples that have `look_ahead` samples on both sides, and keep only the rest."""
        held, end = self._held, len(self._held) - self.look_ahead
        if end <= self.look_ahead:
            return np.empty(0, np.float32)
        n_fft = 1 << (len(held) - 1).bit_length()
        low = np.fft.irfft(np.fft.rfft(held, n_fft) * _low_pass(self._sample_rate, n_fft), n_fft)
        self._held = held[end - self.look_ahead :]
        # Only the part before these samples contains the wrap of the circular convolution.
        return (held[self.look_ahead : end] - low[2 * self.look_ahead : len(held)]).astype(np.float32)


def without_rumble(pieces: Iterable[Samples], sample_rate: int) -> Iterator[Samples]:
    """Remove offset and rumble from a signal, given as consecutive pieces (n,) of any length."""
    rumble = RumbleFilter(sample_rate)
    for block in io.rebuffer(iter(pieces), max(_FFT_SAMPLES - 2 * rumble.look_ahead, 1)):
        yield rumble.push(block)
    yield rumble.finish()


def prepared(
    path: Path | str, sample_rate: int, block_samples: int, *, warn: bool = True, strict: bool = False
) -> Iterator[Samples]:
    """Yield an audio file mixed to mono, without offset and rumble, in blocks of `block_samples` at `sample_rate`.

    Args:
        warn, strict: see `io.blocks`.

    Raises:
        AudioError: for the same reasons as in `io.blocks`.
    """
    source = io.blocks(path, sample_rate, block_samples, warn, strict)
    return io.rebuffer(without_rumble(source, sample_rate), block_samples)


def read_prepared(path: Path | str, sample_rate: int) -> Samples:
    """Return a whole audio file, mixed to mono, without offset and rumble, (N,).

    Raises:
        AudioError: for the same reasons as in `io.read`.
    """
    return np.concatenate(list(prepared(path, sample_rate, _FFT_SAMPLES)))


@lru_cache(maxsize=8)
def _low_pass(sample_rate: int, n_fft: int) -> NDArray[np.complex128]:
    """Return the spectrum of the impulse response of the low-pass filter, which is symmetrical and has a sum of 1."""
    half = round(LOOK_AHEAD_SECONDS * sample_rate)
    response = np.sinc(2 * _CUTOFF_HZ / sample_rate * np.arange(-half, half + 1)) * np.kaiser(
        2 * half + 1, _KAISER_BETA
    )
    return np.fft.rfft(response / response.sum(), n_fft)
