"""Interface of the conversions behind a stream, and the choice of the length of their blocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import numpy as np

from myna.conversion.settings import ConversionSettings
from myna.realtime.interface import Samples

# Largest conversion time of a block, relative to its length. The rest is for other programs, and a reserve because the
# time varies.
_LARGEST_LOAD = 0.5
_TIMED_BLOCKS = 3


class Conversion(Protocol):
    """Converter of a stream that returns samples as early as possible."""

    sample_rate: int
    block_samples: int  # length of the parts of the source that are converted
    delay_samples: int  # after n samples, at least n - delay_samples were returned

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
        open_with: function that opens a new conversion, given the length of the blocks.
    """
    for seconds in blocks_seconds[:-1]:
        if _seconds_per_block(open_with(seconds), seconds, settings) < _LARGEST_LOAD * seconds:
            return open_with(seconds)
    return open_with(blocks_seconds[-1])


def _seconds_per_block(conversion: Conversion, block_seconds: float, settings: ConversionSettings) -> float:
    """Return the time in seconds for converting a block, by measurement."""
    block = round(block_seconds * conversion.sample_rate)
    noise = np.random.default_rng(0)
    times: list[float] = []
    while len(times) <= _TIMED_BLOCKS:
        audio = (0.1 * noise.standard_normal(block)).astype(np.float32)
        begin = time.perf_counter()
        if len(conversion.push(audio, settings)):
            times.append(time.perf_counter() - begin)
    return min(times[1:])  # the first one is slower, because memory is allocated
