"""Sample rate conversion of whole signals or in pieces, with bit-identical results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import soxr
from numpy.typing import NDArray


def resampled_length(n_samples: int, source_rate: int, target_rate: int) -> int:
    """Return the number of samples after resampling `n_samples` samples."""
    return round(n_samples * target_rate / source_rate)


def resample(audio: NDArray[np.float32], source_rate: int, target_rate: int) -> NDArray[np.float32]:
    """Resample `audio`, (N,) or (C, N), to round(N * target / source) samples; the first samples coincide in time.

    The resampler is soxr's HQ: its passband is flat up to 0.45 of the lower rate, and aliases are below -100 dB.
    """
    pieces = list(resample_pieces([audio], source_rate, target_rate))
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=-1)


def resample_pieces(
    pieces: Iterable[NDArray[np.float32]], source_rate: int, target_rate: int
) -> Iterator[NDArray[np.float32]]:
    """Resample a signal given as consecutive pieces, (n,) or (C, n); the samples equal `resample` of the whole."""
    if source_rate == target_rate:
        for piece in pieces:
            yield np.asarray(piece, np.float32)
        return
    stream: soxr.ResampleStream | None = None
    empty = np.empty(0, np.float32)
    n_in = n_out = 0
    for piece in pieces:
        if stream is None:
            n_channels = 1 if piece.ndim == 1 else len(piece)
            stream = soxr.ResampleStream(source_rate, target_rate, n_channels, dtype="float32", quality="HQ")
            empty = np.empty((*piece.shape[:-1], 0), np.float32)
        n_in += piece.shape[-1]
        resampled = stream.resample_chunk(np.ascontiguousarray(piece.T, np.float32)).T
        n_out += resampled.shape[-1]
        yield resampled
    tail = stream.resample_chunk(empty.T, last=True).T if stream else empty
    # soxr may round a length that ends in .5 differently.
    missing = resampled_length(n_in, source_rate, target_rate) - n_out
    padding = [(0, 0)] * (tail.ndim - 1) + [(0, max(missing - tail.shape[-1], 0))]
    yield np.pad(tail[..., :missing], padding)
