"""Before the devices start, the block is chosen that this computer converts in time."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from myna.errors import DeviceError
from myna.realtime.interface import LiveSettings
from myna.realtime.warm_up import WarmUp, warm_up
from realtime.simulated_card import Delay


class Machine:
    """A computer on which a block takes a time that grows with its length; the first blocks take longer."""

    def __init__(self, fixed: float, share: float) -> None:
        self.now = 0.0
        self.fixed, self.share = fixed, share

    def open(self, block_seconds: float | None) -> Timed:
        return Timed(self, block_seconds or 0.05)

    def warm_up(self, block_seconds: float | None, force: bool = False) -> WarmUp:
        return warm_up(self.open, block_seconds, force=force, clock=lambda: self.now)


class Timed(Delay):
    """A stream that lets time pass, and keeps its last output."""

    def __init__(self, machine: Machine, block_seconds: float) -> None:
        super().__init__(16000, 1600)
        self.machine, self.block_seconds, self.number = machine, block_seconds, 0

    def push(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        self.number += 1
        self.machine.now += self.machine.fixed + self.machine.share * len(block) / 16000
        self.machine.now += 1.0 if self.number == 1 else 0.0
        return super().push(block)

    def change(self, settings: LiveSettings) -> None:
        pass


def test_the_shortest_block_that_is_converted_in_time_is_chosen() -> None:
    assert Machine(0.001, 0.2).warm_up(None).block_seconds == 0.05
    found = Machine(0.09, 0.1).warm_up(None)
    assert found.block_seconds == 0.2 and found.compute.median == pytest.approx(0.11)
    assert found.reserve_seconds > found.compute.p95


def test_a_given_block_is_kept_if_it_is_converted_in_time() -> None:
    assert Machine(0.01, 0.1).warm_up(0.02).block_seconds == 0.02


def test_the_error_proposes_a_block_that_is_converted_in_time() -> None:
    with pytest.raises(DeviceError, match=r"a block of 50 ms takes 95 ms; it can hold --block-seconds 0\.2;.* -m joe"):
        Machine(0.09, 0.1).warm_up(0.05)


@pytest.mark.parametrize("block", [None, 0.1])
def test_the_error_of_a_machine_that_is_too_slow_proposes_another_voice(block: float | None) -> None:
    with pytest.raises(DeviceError, match=r"this computer is too slow .*; use a light voice, for example -m joe"):
        Machine(0.0, 1.5).warm_up(block)


@pytest.mark.parametrize(("block", "chosen"), [(None, 0.05), (0.1, 0.1)])
def test_a_machine_that_is_too_slow_can_be_forced(block: float | None, chosen: float) -> None:
    assert Machine(0.0, 1.5).warm_up(block, force=True).block_seconds == chosen


def test_nothing_of_the_warm_up_is_heard() -> None:
    stream = Machine(0.001, 0.2).warm_up(0.1).stream
    assert not stream.push(np.zeros(16000, np.float32)).any()
