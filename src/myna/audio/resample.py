"""Change of sample rate, whole or in pieces; both give the same samples, bit for bit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import soxr
from numpy.typing import NDArray


def resampled_length(n_samples: int, source_rate: int, target_rate: int) -> int:
    """How many samples `n_samples` become."""
    return round(n_samples * target_rate / source_rate)


def resample(audio: NDArray[np.float32], source_rate: int, target_rate: int) -> NDArray[np.float32]:
    """`audio` (N,) at another rate: round(N * target / source) samples that start at the same moment.

    soxr's HQ: flat to 0.45 of the lower rate, aliases below -100 dB.
    """
    pieces = list(resample_pieces([audio], source_rate, target_rate))
    return pieces[0] if len(pieces) == 1 else np.concatenate([np.empty(0, np.float32), *pieces])


def resample_pieces(
    pieces: Iterable[NDArray[np.float32]], source_rate: int, target_rate: int
) -> Iterator[NDArray[np.float32]]:
    """Consecutive pieces (n,) of a signal at another rate: the same samples as `resample` of the whole."""
    if source_rate == target_rate:
        for piece in pieces:
            yield np.asarray(piece, np.float32)
        return
    stream = soxr.ResampleStream(source_rate, target_rate, 1, dtype="float32", quality="HQ")
    n_in = n_out = 0
    for piece in pieces:
        n_in += len(piece)
        resampled = stream.resample_chunk(np.ascontiguousarray(piece, np.float32))
        n_out += len(resampled)
        yield resampled
    tail = stream.resample_chunk(np.empty(0, np.float32), last=True)
    # soxr rounds a length that ends on a half in its own way.
    missing = resampled_length(n_in, source_rate, target_rate) - n_out
    yield tail[:missing] if missing <= len(tail) else np.pad(tail, (0, missing - len(tail)))
