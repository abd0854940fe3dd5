"""Measurement of a stream's speed before the devices start, and choice of the length of its blocks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from myna.errors import DeviceError
from myna.realtime.interface import VoiceStream
from myna.realtime.statistics import ComputeTimes

Samples = NDArray[np.float32]
Clock = Callable[[], float]
BLOCKS_SECONDS = (0.1, 0.2, 0.3, 0.5, 0.8, 1.2)  # that are tried if the first block is too short
_LARGEST_LOAD = 0.6  # of one of these
_HIGHEST_LOAD = 0.9  # of the block that a person or the stream has chosen
_FIRST_BLOCKS = 2  # they load and compile code, and are not counted
_LEAST_BLOCKS, _MEASURED_SECONDS = 8, 1.5
_CLEAR_BLOCKS = 3  # after which a block that is much too short is given up
_CALLBACK_SECONDS = 0.03  # for the irregularity of callbacks
_SILENCE_SECONDS = 0.3


class BlockStream(VoiceStream, Protocol):
    """Stream that converts blocks of a fixed length, independently of the lengths of the pushed blocks."""

    block_seconds: float


# Function that opens a stream for a length of blocks; None leaves the choice to the stream.
OpenStream = Callable[[float | None], BlockStream]


@dataclass(frozen=True)
class WarmUp:
    """A stream that is ready to run.

    Attributes:
        block_seconds: length of the blocks.
        reserve_seconds: required length of the converted sound that is played while the next block is converted.
        compute: percentiles of the conversion time of a block, in seconds.
    """

    stream: VoiceStream
    block_seconds: float
    reserve_seconds: float
    compute: ComputeTimes


def warm_up(
    open_stream: OpenStream, block_seconds: float | None, *, force: bool = False, clock: Clock = time.perf_counter
) -> WarmUp:
    """Measure a stream, and return it ready to run; if its own block is too short, longer blocks are tried.

    Args:
        open_stream: function that opens the stream, given the length of the blocks.
        block_seconds: length of the blocks in seconds. None lets the stream choose it; if that is too short for this
            computer, the shortest sufficient length is used.
        force: return a stream even if this computer is too slow.
        clock: function that returns the time in seconds.

    Raises:
        DeviceError: this computer is too slow, or the given block is too short for it.
    """
    first = _measured(open_stream, block_seconds, clock)
    if force or first.compute.p95 <= _HIGHEST_LOAD * first.block_seconds:
        return first
    longer = (_measured(open_stream, each, clock) for each in BLOCKS_SECONDS if each > first.block_seconds)
    found = next((one for one in longer if one.compute.p95 <= _LARGEST_LOAD * one.block_seconds), None)
    if block_seconds is None and found is not None:
        return found
    way_out = "use a light voice, for example -m joe, or a GPU"
    if found is not None:
        way_out = f"it can hold --block-seconds {found.block_seconds:g}; for less delay, {way_out}"
    raise DeviceError(
        f"this computer is too slow for this voice: a block of {1e3 * first.block_seconds:.0f} ms takes "
        f"{1e3 * first.compute.p95:.0f} ms; {way_out}"
    )


def _measured(open_stream: OpenStream, wanted_seconds: float | None, clock: Clock) -> WarmUp:
    """Convert a sung sound, and then silence, so that the stream begins with silence."""
    stream = open_stream(wanted_seconds)
    block_seconds = stream.block_seconds
    n = round(block_seconds * stream.sample_rate)
    times: list[float] = []
    begin = clock()
    number = 0
    while number < _FIRST_BLOCKS + _LEAST_BLOCKS or clock() - begin < _MEASURED_SECONDS:
        block = _sung(number * n, n, stream.sample_rate)
        started = clock()
        stream.push(block)
        times.append(clock() - started)
        number += 1
        counted = times[_FIRST_BLOCKS:]
        if len(counted) >= _CLEAR_BLOCKS and min(counted) > block_seconds:
            break
    silence = np.zeros(n, np.float32)
    for _ in range(1 + (stream.delay_samples + round(_SILENCE_SECONDS * stream.sample_rate)) // n):
        stream.push(silence)
    compute = ComputeTimes.of(times[_FIRST_BLOCKS:])
    # While a person sings, the computer does other things, too.
    reserve_seconds = max(2 * compute.p95, block_seconds / 2) + _CALLBACK_SECONDS
    return WarmUp(stream, block_seconds, reserve_seconds, compute)


def _sung(first: int, n: int, sample_rate: int) -> Samples:
    """Return a part of a vowel at -20 dBFS, with a pitch that rises and falls between 200 and 400 Hz."""
    seconds = np.arange(first, first + n) / sample_rate
    phase = 2 * np.pi * (300 * seconds - 100 / (2 * np.pi * 0.5) * np.cos(2 * np.pi * 0.5 * seconds))
    harmonics = np.sin(np.outer(np.arange(1, 9), phase)) / np.arange(1, 9)[:, None]
    return np.asarray(0.11 * harmonics.sum(0), np.float32)
