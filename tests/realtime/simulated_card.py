"""Sound cards with clocks of their own, in simulated time, and streams that only delay."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from myna.realtime.callbacks import InputCallback, OutputCallback
from myna.realtime.engine import Engine

Samples = NDArray[np.float32]


class Delay:
    """Stream whose output is its input, later."""

    def __init__(self, sample_rate: int = 44100, delay_samples: int = 0) -> None:
        self.sample_rate = sample_rate
        self.delay_samples = delay_samples
        self._kept = np.zeros(delay_samples, np.float32)

    def push(self, block: Samples) -> Samples:
        joined = np.concatenate([self._kept, block])
        self._kept = joined[len(block) :]
        return joined[: len(block)]


class Slow(Delay):
    """Stream that needs a simulated time for each block."""

    def __init__(self, work: Callable[[], None], sample_rate: int = 44100) -> None:
        super().__init__(sample_rate)
        self._work = work

    def push(self, block: Samples) -> Samples:
        self._work()
        return super().push(block)


class World:
    """Time that passes in steps, in which sound cards call back."""

    def __init__(self, seed: int = 0) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._random = random.Random(seed)
        self._count = 0

    def clock(self) -> float:
        return self.now

    def at(self, when: float, work: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._due, (when, self._count, work))

    def advance(self, seconds: float) -> None:
        """Let time pass, and do what is due."""
        end = self.now + seconds
        while self._due and self._due[0][0] <= end:
            when, _, work = heapq.heappop(self._due)
            self.now = max(self.now, when)
            work()
        self.now = end

    def every(self, period: float, work: Callable[[], None], jitter: float = 0.0, start: float = 0.0) -> None:
        """Do work at regular times, each late by a random time of up to `jitter` seconds."""

        def again(number: int) -> None:
            due = start + number * period

            def call() -> None:
                work()
                again(number + 1)

            self.at(due + self._random.uniform(0, jitter), call)

        again(0)


class Microphone:
    """Input device that records a function of its own sample number."""

    def __init__(
        self,
        world: World,
        into: InputCallback,
        rate: float,
        sound: Callable[[NDArray[np.int64]], Samples],
        n: int = 512,
        jitter: float = 0.0,
    ) -> None:
        self._number = 0
        self._into, self._sound, self._n = into, sound, n
        world.every(n / rate, self._call, jitter, start=0.013)

    def _call(self) -> None:
        block = self._sound(np.arange(self._number, self._number + self._n)).astype(np.float32)
        self._number += self._n
        self._into(block[:, None])


class Headphones:
    """Output device that keeps what it plays."""

    def __init__(self, world: World, source: OutputCallback, rate: float, n: int = 480, jitter: float = 0.0) -> None:
        self._buffer = np.zeros((n, 2), np.float32)
        self._source = source
        self._played: list[Samples] = []
        world.every(n / rate, self._call, jitter)

    def _call(self) -> None:
        self._source(self._buffer)
        self._played.append(self._buffer[:, 0].copy())

    @property
    def played(self) -> Samples:
        return np.concatenate(self._played)


def run(world: World, engine: Engine, seconds: float) -> None:
    """Let a worker poll for a time."""
    end = world.now + seconds
    while world.now < end:
        if not engine.step():
            world.advance(0.002)
