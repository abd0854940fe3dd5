"""Sample rate conversion of whole signals or in pieces, with bit-identical results."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
import soxr
from numpy.typing import NDArray

_NEGLIGIBLE = 1e-7  # beyond 6 ms, soxr's impulse responses are below this
_LONGEST_RESPONSE_SECONDS = 0.03


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


class ResampledStream:
    """Resampler of a stream with the smallest possible delay; its samples equal those of `resample` within 1e-6.

    soxr returns samples in blocks of 33 ms, with a delay of up to 40 ms at 44.1 kHz. This class applies soxr's impulse
    responses directly, with a delay of 6 ms. Only the first three samples may differ, if the signal begins abruptly.
    """

    def __init__(self, source_rate: int, target_rate: int) -> None:
        self._down, self._up = _reduced(source_rate, target_rate)
        self._responses = _impulse_responses(source_rate, target_rate)  # (up, 2 * reach + 1)
        self._reach = self._responses.shape[1] // 2
        self._held = np.zeros(self._reach, np.float32)  # samples for later outputs
        self._n_in = self._n_out = 0

    @staticmethod
    def ready(source_rate: int, target_rate: int, n_samples: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of samples that `push` has returned after `n_samples` samples."""
        down, up = _reduced(source_rate, target_rate)
        reach = _impulse_responses(source_rate, target_rate).shape[1] // 2
        ready: NDArray[np.int64] = -(-np.maximum(n_samples - reach, 0) * up // down)
        return ready

    def push(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Append samples (n,), and return the resampled samples (m,) that are now complete."""
        begin = self._n_in - len(self._held)  # position of the first held sample
        self._n_in += len(block)
        held = np.concatenate([self._held, block])
        n_out = max(-(-(self._n_in - self._reach) * self._up // self._down), 0)
        outputs = np.arange(self._n_out, n_out)
        self._n_out = n_out
        self._held = held[n_out * self._down // self._up - self._reach - begin :]
        if not len(outputs):
            return np.empty(0, np.float32)
        first = outputs * self._down // self._up - self._reach - begin
        windows = np.lib.stride_tricks.sliding_window_view(held, self._responses.shape[1])[first]
        resampled: NDArray[np.float32] = np.einsum("ij,ij->i", windows, self._responses[outputs % self._up])
        return resampled


def _reduced(source_rate: int, target_rate: int) -> tuple[int, int]:
    """Return the numbers of source and target samples in the shortest period with whole numbers of both."""
    divisor = math.gcd(source_rate, target_rate)
    return source_rate // divisor, target_rate // divisor


@lru_cache(maxsize=8)
def _impulse_responses(source_rate: int, target_rate: int) -> NDArray[np.float32]:
    """Measure soxr's weights of the source samples around an output sample: (up, 2 * reach + 1).

    Output sample j of each period of `up` samples is the sum of row j times the source samples from
    `j * down // up - reach` to `j * down // up + reach`.
    """
    down, up = _reduced(source_rate, target_rate)
    if down == up:
        return np.ones((1, 1), np.float32)
    longest = round(_LONGEST_RESPONSE_SECONDS * max(source_rate, target_rate) * max(1, source_rate / target_rate))
    # One impulse at each position in the period; the distances prevent an overlap of the responses.
    spacing = -(-4 * longest // down) * down + 1
    impulses = spacing + spacing * np.arange(down)
    signal = np.zeros(spacing * (down + 2), np.float32)
    signal[impulses] = 1
    resampled = resample(signal, source_rate, target_rate)
    responses = np.zeros((up, 2 * longest + 1), np.float32)
    for impulse in impulses.tolist():
        outputs = np.arange(-(-(impulse - longest + 1) * up // down), (impulse + longest) * up // down)
        offsets = impulse - outputs * down // up
        responses[outputs % up, longest + offsets] = resampled[outputs]
    heard = np.flatnonzero(np.abs(responses).max(axis=0) > _NEGLIGIBLE) - longest
    reach = int(np.abs(heard).max())
    return responses[:, longest - reach : longest + reach + 1].copy()
