"""Cut a recording into slices at silences, and long phrases also at quiet moments.

A first pass over the recording measures the levels from which slices are planned, so the recording is never in memory
as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile

import numpy as np
from numpy.typing import NDArray

from myna.units import db_to_power

Samples = NDArray[np.float32]

CROSSFADE_SECONDS = 0.05

_HOP_SECONDS = 0.01
_WINDOW_HOPS = 5  # 50 ms: two periods of a bass voice, but shorter than a consonant
# Time kept before and after sound, because onsets begin and decays end below the threshold.
_MARGIN_SECONDS = 0.1
# Always silent: above the dither of a 16-bit file (-98 dB) and below any singing.
_SILENT_DBFS = -90.0


@dataclass(frozen=True)
class Slice:
    """Samples [start, end) of a recording, which are converted in one piece.

    The first `overlap` samples are also the end of the previous slice. If `overlap` is 0, there is silence between
    the two.
    """

    start: int
    end: int
    overlap: int = 0

    @property
    def n_samples(self) -> int:
        return self.end - self.start


@dataclass(frozen=True)
class Levels:
    """Mean square of each 10 ms hop of a recording."""

    power: NDArray[np.float64]  # (F,); the last hop may be incomplete
    hop_samples: int
    n_samples: int

    @property
    def smooth(self) -> NDArray[np.float64]:
        """Return the mean power of the 50 ms around each hop, (F,)."""
        if not len(self.power):
            return self.power
        half = _WINDOW_HOPS // 2
        total = np.cumsum(np.pad(self.power, (half + 1, half), mode="edge"))
        return (total[_WINDOW_HOPS:] - total[:-_WINDOW_HOPS]) / _WINDOW_HOPS


def measure_levels(pieces: Iterable[Samples], sample_rate: int) -> Levels:
    """Measure the levels of a recording, given as consecutive pieces of any length."""
    hop = round(sample_rate * _HOP_SECONDS)
    power: list[NDArray[np.float64]] = []
    rest = np.empty(0, np.float32)
    n_samples = 0
    for piece in pieces:
        n_samples += len(piece)
        joined = np.concatenate([rest, piece])
        whole = len(joined) - len(joined) % hop
        power.append(np.square(joined[:whole].reshape(-1, hop), dtype=np.float64).mean(axis=1))
        rest = joined[whole:]
    if len(rest):
        power.append(np.square(rest, dtype=np.float64).mean(keepdims=True))
    return Levels(np.concatenate([np.empty(0), *power]), hop, n_samples)


def plan_slices(
    levels: Levels,
    sample_rate: int,
    *,
    silence_db: float,
    absolute: bool = False,
    min_silence_seconds: float,
    max_seconds: float,
) -> list[Slice]:
    """Plan cuts at all silences of at least `min_silence_seconds`, and at quiet moments in phrases over `max_seconds`.

    Args:
        levels: levels of the recording.
        sample_rate: sample rate of the recording.
        silence_db: threshold of silence, relative to the loudest 50 ms.
        absolute: make the threshold relative to full scale instead.
        min_silence_seconds: shorter silences, for example between two words, belong to the phrase.
        max_seconds: length of the longest slice; 0 for no limit.
    """
    slices = []
    crossfade = round(sample_rate * CROSSFADE_SECONDS)
    limit = round(max_seconds * sample_rate) - crossfade if max_seconds else levels.n_samples
    smooth = levels.smooth
    quiet = smooth < _silence_power(smooth, silence_db, absolute)
    for start, end in _sounding_regions(quiet, levels, sample_rate, min_silence_seconds):
        edges = [start, *quiet_cuts(smooth, levels.hop_samples, start, end, limit), end]
        for i, (left, right) in enumerate(pairwise(edges)):
            overlap = crossfade if i else 0
            last = i == len(edges) - 2
            slices.append(Slice(left - overlap // 2, right if last else right + crossfade - crossfade // 2, overlap))
    return slices


def windows(pieces: Iterable[Samples], ranges: Iterable[tuple[int, int]]) -> Iterator[Samples]:
    """Yield the samples of each range [start, end) of a recording given in pieces; outside the recording they are 0.

    Pieces and results are (n,) or (C, n). Ranges may overlap, but their starts must not decrease. Only one range and
    one piece are in memory at a time.
    """
    source = iter(pieces)
    held, position = np.empty(0, np.float32), 0
    for start, end in ranges:
        while position + held.shape[-1] < end and (piece := next(source, None)) is not None:
            drop = min(max(start - position, 0), held.shape[-1])
            kept = held[..., drop:] if held.shape[-1] else piece[..., :0]
            held, position = np.concatenate([kept, piece], axis=-1), position + drop
        before = max(min(position, end) - start, 0)
        inside = held[..., max(start - position, 0) : max(end - position, 0)]
        after = end - start - before - inside.shape[-1]
        yield np.pad(inside, [(0, 0)] * (inside.ndim - 1) + [(before, after)])


def slices_between(slices: Sequence[Slice], start: int, end: int) -> list[Slice]:
    """Return the slices that determine the samples [start, end) of the joined recording.

    Because a slice is aligned with an overlapping slice before it, all slices back to the last silence are included.
    """
    found = [number for number, piece in enumerate(slices) if piece.start < end and piece.end > start]
    if not found:
        return []
    first = found[0]
    while slices[first].overlap:
        first -= 1
    return list(slices[first : found[-1] + 1])


def phrases_between(slices: Sequence[Slice], start: int, end: int) -> list[Slice]:
    """Return the slices of `slices_between`, and the following ones up to the next silence.

    A change in the samples [start, end) of the recording affects only these slices.
    """
    found = slices_between(slices, start, end)
    following = slices[slices.index(found[-1]) + 1 :] if found else []
    return found + list(takewhile(lambda piece: piece.overlap, following))


def _silence_power(smooth: NDArray[np.float64], silence_db: float, absolute: bool) -> float:
    reference = 1.0 if absolute else float(smooth.max(initial=0.0))
    return max(reference * db_to_power(silence_db), db_to_power(_SILENT_DBFS))


def _sounding_regions(
    quiet: NDArray[np.bool_], levels: Levels, sample_rate: int, min_silence_seconds: float
) -> list[tuple[int, int]]:
    """Return the ranges of samples between long silences, extended by a margin on both sides."""
    starts, ends = _runs(quiet)
    long = (ends - starts) * levels.hop_samples >= min_silence_seconds * sample_rate
    silent = np.zeros(len(quiet), bool)
    for start, end in zip(starts[long], ends[long], strict=True):
        silent[start:end] = True
    margin = round(sample_rate * _MARGIN_SECONDS)
    regions: list[tuple[int, int]] = []
    for first, last in zip(*_runs(~silent), strict=True):
        start = max(int(first) * levels.hop_samples - margin, 0)
        end = min(int(last) * levels.hop_samples + margin, levels.n_samples)
        if regions and start <= regions[-1][1]:
            start = regions.pop()[0]
        regions.append((start, end))
    return regions


def _runs(mask: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the first index of each run of true values, and the index after the last."""
    steps = np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))
    return np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)


def quiet_cuts(smooth: NDArray[np.float64], hop: int, start: int, end: int, limit: int) -> Iterator[int]:
    """Yield cut positions at the quietest moments, so that pieces are between a quarter of `limit` and `limit` long."""
    while end - start > limit:
        earliest = -(-(start + limit // 2) // hop)
        latest = min(start + limit, end - limit // 4) // hop
        start = (earliest + int(np.argmin(smooth[earliest:latest]))) * hop + hop // 2
        yield start
