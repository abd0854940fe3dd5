"""Block-wise convolution of a signal with an impulse response, and two iterators over the blocks of one signal."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from myna.audio import io

Samples = NDArray[np.float32]

_SHORTEST_FFT = 1 << 15
_FFT_PER_RESPONSE = 4  # smallest length of a transform, relative to the length of the response


def convolved(blocks: Iterable[Samples], response: NDArray[np.floating], lead: int = 0) -> Iterator[Samples]:
    """Convolve consecutive blocks (C, n) with impulse responses (D, L), and yield the same number of samples.

    If C is 1, the signal is used with each response; if D is 1, the response is used for each channel.

    Args:
        lead: index of the response's sample at time 0, by which the output is advanced; the middle of a symmetrical
            response.
    """
    n_response = response.shape[1]
    n_fft = max(1 << (_FFT_PER_RESPONSE * n_response - 1).bit_length(), _SHORTEST_FFT)
    transform = np.fft.rfft(response, n_fft)
    before: NDArray[np.floating] | None = None
    n_dropped = 0
    for block in io.rebuffer(_with_tail(blocks, lead), n_fft - n_response + 1):
        if before is None:
            before = np.zeros((len(block), n_response - 1), np.float32)
        joined = np.concatenate([before, block], axis=1)
        cyclic = np.fft.irfft(np.fft.rfft(joined, n_fft) * transform, n_fft)
        found = cyclic[:, n_response - 1 : joined.shape[1]].astype(np.float32)
        before = joined[:, joined.shape[1] - n_response + 1 :]
        skipped = min(lead - n_dropped, found.shape[1])
        n_dropped += skipped
        yield found[:, skipped:]


def used_twice(blocks: Iterable[Samples]) -> tuple[Iterator[Samples], Iterator[Samples]]:
    """Return two iterators over the same blocks. Only blocks between their two positions are in memory.

    `itertools.tee` would free blocks only in groups of 57.
    """
    source = iter(blocks)
    waiting: tuple[deque[Samples], deque[Samples]] = (deque(), deque())

    def one_of(mine: deque[Samples], other: deque[Samples]) -> Iterator[Samples]:
        while True:
            if not mine:
                block = next(source, None)
                if block is None:
                    return
                mine.append(block)
                other.append(block)
            yield mine.popleft()

    return one_of(*waiting), one_of(*reversed(waiting))


def _with_tail(blocks: Iterable[Samples], n_samples: int) -> Iterator[Samples]:
    """Append silence to a signal."""
    iterator = iter(blocks)
    first = next(iterator, None)
    if first is not None:
        yield from chain([first], iterator, [np.zeros((len(first), n_samples), np.float32)])
