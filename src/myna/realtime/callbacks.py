"""Callbacks of the sound card: they copy samples between its buffers and rings, and count.

A callback must return in time, so it does no work beyond copying: it neither converts, prints, waits nor allocates
samples.
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
_LARGEST_CALLBACK = 1 << 15  # samples; larger ones are copied in parts
_FADE_SECONDS = 0.005


class _Counter:
    """Samples that a callback has moved, and the time of its last call."""

    def __init__(self, rate: int, clock: Clock) -> None:
        self.rate = rate
        self.clock = clock
        # Total, number in the last call, and its time: one tuple, so that another thread reads them together.
        self.last = (0, 0, 0.0)

    def add(self, n: int) -> None:
        self.last = (self.last[0] + n, n, self.clock())

    def position(self) -> float:
        """Return the position of the sound card in samples, interpolated between its calls."""
        total, n, when = self.last
        return total + min(max(self.clock() - when, 0.0) * self.rate, n)


class InputCallback:
    """Copy recorded sound, mixed to mono, into a ring.

    Attributes:
        n_gaps: number of times at which the sound card had to discard sound.
    """

    def __init__(self, rate: int, clock: Clock = time.perf_counter) -> None:
        self.rate = rate
        self.ring = Ring(_RING_SECONDS * rate)
        self.n_gaps = 0
        self._counter = _Counter(rate, clock)
        self._mono = np.zeros(_LARGEST_CALLBACK, np.float32)

    @property
    def started(self) -> bool:
        """Whether the sound card has delivered sound."""
        return self._counter.last[0] > 0

    @property
    def n_waiting(self) -> float:
        """Number of samples that were recorded but not read, interpolated between the calls."""
        return self._counter.position() - self._counter.last[0] + self.ring.fill

    @property
    def last_call(self) -> float:
        """Time of the last call, in seconds; 0 before the first."""
        return self._counter.last[2]

    def __call__(self, frames: Samples) -> None:
        """Take recorded samples, (n, C)."""
        for first in range(0, len(frames), _LARGEST_CALLBACK):
            part = frames[first : first + _LARGEST_CALLBACK]
            mono = self._mono[: len(part)]
            np.mean(part, axis=1, out=mono)
            self.ring.write(mono)
        self._counter.add(len(frames))


class OutputCallback:
    """Copy converted sound from a ring to all channels of the output; play silence when there is none.

    Attributes:
        flowing: the ring has had enough samples since the worker set this to true.
        n_gaps: number of times at which `flowing` became false, or the sound card ran out of sound.
        played: ring that gets a copy of what is played, for a recording.
    """

    def __init__(self, rate: int, clock: Clock = time.perf_counter) -> None:
        self.rate = rate
        self.ring = Ring(_RING_SECONDS * rate)
        self.flowing = False
        self.n_gaps = 0
        self.played: Ring | None = None
        self._counter = _Counter(rate, clock)
        self._mono = np.zeros(_LARGEST_CALLBACK, np.float32)
        self._fade_out = np.linspace(1, 0, round(_FADE_SECONDS * rate), dtype=np.float32)

    @property
    def started(self) -> bool:
        """Whether the sound card has asked for sound."""
        return self._counter.last[0] > 0

    @property
    def last_call(self) -> float:
        """Time of the last call, in seconds; 0 before the first."""
        return self._counter.last[2]

    @property
    def n_waiting(self) -> float:
        """Number of samples that wait to be played, interpolated between the calls."""
        return self._counter.last[0] - self._counter.position() + self.ring.fill

    def __call__(self, frames: Samples) -> None:
        """Fill the buffer of the sound card, (n, C)."""
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
        """Fade out the last samples. The fewer than `_fade_out` that are left are not played."""
        n_fade = min(len(sound), len(self._fade_out))
        sound[len(sound) - n_fade :] *= self._fade_out[len(self._fade_out) - n_fade :]
        self.ring.skip(self.ring.fill)
        self.flowing = False
        self.n_gaps += 1
