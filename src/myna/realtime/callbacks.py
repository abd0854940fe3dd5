"""Callbacks of the sound card, which copy samples between its buffers and rings, and count samples and gaps.

A callback must return in time. Therefore it only copies: it does not convert, print, wait or allocate samples.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from myna.realtime.rings import Ring

Samples = NDArray[np.float32]
Clock = Callable[[], float]

_RING_SECONDS = 20
_LARGEST_CALLBACK = 1 << 15  # samples; larger buffers are copied in parts
_FADE_SECONDS = 0.005
_LONGEST_STEP_SECONDS = 0.05  # over which a position is interpolated; after a pause, a card calls once for much sound


class _Counter:
    """Number of samples that a callback has copied, and the time of its last call."""

    def __init__(self, rate: int, clock: Clock) -> None:
        self.rate = rate
        self.clock = clock
        # Total, number in the last call, and time of the last call: one tuple, so that other threads read consistent
        # values.
        self.last = (0, 0, 0.0)

    def add(self, n: int) -> None:
        self.last = (self.last[0] + n, n, self.clock())

    def position(self) -> float:
        """Return the position of the sound card in samples, interpolated between the callback's calls."""
        total, n, when = self.last
        return total + min(max(self.clock() - when, 0.0) * self.rate, n, _LONGEST_STEP_SECONDS * self.rate)


class InputCallback:
    """Copy recorded sound, mixed to mono, into a ring.

    Attributes:
        n_gaps: number of times at which the sound card had to discard sound.
        device_seconds: age of the newest recorded sample when it is delivered, as the driver states it; 0 if unknown.
    """

    def __init__(self, rate: int, clock: Clock = time.perf_counter) -> None:
        self.rate = rate
        self.ring = Ring(_RING_SECONDS * rate)
        self.n_gaps = 0
        self.device_seconds = 0.0
        self._counter = _Counter(rate, clock)
        self._mono = np.zeros(_LARGEST_CALLBACK, np.float32)

    @property
    def started(self) -> bool:
        """True after the sound card has delivered sound."""
        return self._counter.last[0] > 0

    @property
    def n_waiting(self) -> float:
        """Number of samples that were recorded but not read yet, interpolated between calls."""
        return self._counter.position() - self._counter.last[0] + self.ring.fill

    @property
    def last_call(self) -> float:
        """Time of the last call in seconds; 0 before the first call."""
        return self._counter.last[2]

    def __call__(self, frames: Samples) -> None:
        """Copy recorded samples (n, C) to the ring."""
        for first in range(0, len(frames), _LARGEST_CALLBACK):
            part = frames[first : first + _LARGEST_CALLBACK]
            mono = self._mono[: len(part)]
            np.mean(part, axis=1, out=mono)
            self.ring.write(mono)
        self._counter.add(len(frames))


class OutputCallback:
    """Copy converted sound from a ring to all channels of the output; play silence if the ring is empty.

    Attributes:
        flowing: True once the worker has written sound, until the ring has too few samples.
        n_gaps: number of times that `flowing` became False or the sound card ran out of sound.
        played: ring that receives a copy of the played samples, for a recording; None for no copy.
        device_seconds: time until the next sample is played, as the driver states it; 0 if unknown.
    """

    def __init__(self, rate: int, clock: Clock = time.perf_counter) -> None:
        self.rate = rate
        self.ring = Ring(_RING_SECONDS * rate)
        self.flowing = False
        self.n_gaps = 0
        self.device_seconds = 0.0
        self.played: Ring | None = None
        self._counter = _Counter(rate, clock)
        self._mono = np.zeros(_LARGEST_CALLBACK, np.float32)
        self._fade_out = np.linspace(1, 0, round(_FADE_SECONDS * rate), dtype=np.float32)

    @property
    def started(self) -> bool:
        """True after the sound card has requested sound."""
        return self._counter.last[0] > 0

    @property
    def last_call(self) -> float:
        """Time of the last call in seconds; 0 before the first call."""
        return self._counter.last[2]

    @property
    def n_waiting(self) -> float:
        """Number of samples that wait to be played, interpolated between calls."""
        return self._counter.last[0] - self._counter.position() + self.ring.fill

    def __call__(self, frames: Samples) -> None:
        """Fill a buffer (n, C) of the sound card."""
        for first in range(0, len(frames), _LARGEST_CALLBACK):
            part = frames[first : first + _LARGEST_CALLBACK]
            mono = self._mono[: len(part)]
            n = self.ring.read(mono)
            mono[n:] = 0
            if self.flowing and self.ring.fill < len(self._fade_out):
                self._interrupt(mono[:n])
            part[:] = mono[:, None]
            if self.played is not None:
                self.played.write(mono)
        self._counter.add(len(frames))

    def _interrupt(self, sound: Samples) -> None:
        """Fade out the last samples before a gap. The rest of the ring, shorter than the fade, is not played."""
        n_fade = min(len(sound), len(self._fade_out))
        sound[len(sound) - n_fade :] *= self._fade_out[len(self._fade_out) - n_fade :]
        self.ring.skip(self.ring.fill)
        self.flowing = False
        self.n_gaps += 1
