"""The second output plays what the first one plays, and its delay stays bounded."""

from __future__ import annotations

import numpy as np
import pytest

from myna.realtime.callbacks import InputCallback, OutputCallback
from myna.realtime.monitor import Monitor

RATE = 48000


class Port:
    """An output device that plays when it is told to."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.target: OutputCallback | None = None
        self.is_open = True

    def start(self, target: InputCallback | OutputCallback) -> None:
        assert isinstance(target, OutputCallback)
        self.target = target

    def close(self) -> None:
        self.is_open = False

    def play(self, n: int) -> np.ndarray:
        assert self.target is not None
        frames = np.zeros((n, 2), np.float32)
        self.target(frames)
        assert np.array_equal(frames[:, 0], frames[:, 1])
        return frames[:, 0]


@pytest.mark.parametrize("rate", [RATE, 44100])
def test_a_monitor_plays_the_same_sound_later(rate: int) -> None:
    port = Port(rate)
    monitor = Monitor(port, RATE)
    played = []
    for block in range(20):
        times = (block * RATE // 10 + np.arange(RATE // 10)) / RATE
        monitor.play(0.5 * np.sin(2 * np.pi * 100 * times).astype(np.float32))
        played.append(port.play(rate // 10))
    sound = np.concatenate(played)
    begin = int(np.argmax(np.abs(sound) > 0.01))
    assert begin / rate == pytest.approx(0.1, abs=0.002)
    expected = 0.5 * np.sin(2 * np.pi * 100 * (np.arange(len(sound)) / rate - 0.1))
    assert np.abs(sound - expected)[rate // 5 : -rate // 10].max() < 0.01
    monitor.close()
    assert not port.is_open


def test_the_delay_is_bounded_although_the_clocks_differ() -> None:
    port = Port(RATE)
    monitor = Monitor(port, RATE)
    for _ in range(200):
        monitor.play(np.ones(RATE // 10, np.float32))
        port.play(RATE // 11)
    assert port.target is not None and port.target.ring.fill <= 0.5 * RATE
