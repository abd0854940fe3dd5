"""Contract of the conversions behind a stream, and the length of their blocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import numpy as np

from myna.conversion.settings import ConversionSettings
from myna.realtime.interface import Samples

# Largest share of a block's length that its conversion may take. Other programs need time too, and the time varies.
_LARGEST_LOAD = 0.5
_TIMED_BLOCKS = 3


class Conversion(Protocol):
    """Converter of a stream that returns samples as soon as it can."""

    sample_rate: int
    block_samples: int  # length of the source that is converted at once
    delay_samples: int  # after n samples, it has returned at least n - delay_samples

    def push(self, audio: Samples, settings: ConversionSettings) -> Samples:
        """Append samples (n,) of the source, and return the samples (m,) of the voice that are now complete."""
        ...


AnyConversion = TypeVar("AnyConversion", bound=Conversion)


def with_fast_block(
    blocks_seconds: Sequence[float], open_with: Callable[[float], AnyConversion], settings: ConversionSettings
) -> AnyConversion:
    """Open a conversion with the shortest block for which this computer is fast enough.

    Args:
        blocks_seconds: lengths to choose from, ascending; the last one is used if none is fast enough.
        open_with: opens a new conversion with blocks of the given length.
    """
    for seconds in blocks_seconds[:-1]:
        if _seconds_per_block(open_with(seconds), seconds, settings) < _LARGEST_LOAD * seconds:
            return open_with(seconds)
    return open_with(blocks_seconds[-1])


def _seconds_per_block(conversion: Conversion, block_seconds: float, settings: ConversionSettings) -> float:
    """Measure the time in seconds for the conversion of a block."""
    block = round(block_seconds * conversion.sample_rate)
    noise = np.random.default_rng(0)
    times: list[float] = []
    while len(times) <= _TIMED_BLOCKS:
        audio = (0.1 * noise.standard_normal(block)).astype(np.float32)
        begin = time.perf_counter()
        if len(conversion.push(audio, settings)):
            times.append(time.perf_counter() - begin)
    return min(times[1:])  # memory is allocated during the first one
