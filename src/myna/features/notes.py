"""Notes of a pitch contour: segmentation, estimation of the key, and moving notes to a key.

A note is a stretch of the contour around one pitch. A note includes its vibrato, its scoops and half of each glide, and
is moved as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from myna.features.contour import FloatArray
from myna.scales import Scale
from myna.units import hz_to_note, semitones_to_ratio

# The segmentation is the piecewise constant function g that minimises the sum over the frames of |pitch - g| plus a
# penalty for each step (L1 Potts functional: Storath, Weinmann, Unser 2014), on a grid of pitches. The deviation is
# limited, so that octave errors do not become notes. A step by two semitones or more becomes a note if it lasts 2
# PENALTY / LIMIT, 0.1 s. A vibrato of +-1 semitone causes no steps: following half a period reduces the sum by less
# than the penalty of a step.
_PENALTY = 0.1  # semitones times seconds
_LIMIT = 2.0  # semitones
_GRID = 0.25  # semitones
_BRIDGED_SECONDS = 0.04  # shorter unvoiced gaps do not end a note: they may be errors of the estimator
_SHORTEST_SECONDS = 0.06
_GLIDE_SECONDS = 0.06  # time in which the shift changes from one note to the next

# Mean listener ratings of the pitch classes in a major and in a minor key, from the tonic (Krumhansl and Kessler 1982).
# The estimated key has the highest correlation of its ratings with the durations of the pitch classes (Krumhansl 1990).
_MAJOR_RATINGS = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR_RATINGS = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)


class Note(NamedTuple):
    """A note of a contour."""

    start: float  # seconds
    end: float
    pitch: float  # median as a MIDI note number


def find_notes(f0: FloatArray, frame_seconds: float) -> list[Note]:
    """Return the notes of a contour (T,) in Hz, 0 where unvoiced; frames are `frame_seconds` apart."""
    return [
        Note(span.start * frame_seconds, span.stop * frame_seconds, _median_note(f0[span]))
        for span in note_spans(f0, frame_seconds)
    ]


def note_spans(f0: FloatArray, frame_seconds: float) -> list[slice]:
    """Return the frames of each note of a contour (T,); the notes of one voiced stretch are adjacent."""
    spans = []
    for start, end in _sounds(f0 > 0, frame_seconds):
        edges = [start, *(start + _steps(f0[start:end], frame_seconds)), end]
        spans += [slice(int(left), int(right)) for left, right in pairwise(edges)]
    return [span for span in spans if (f0[span] > 0).sum() * frame_seconds >= _SHORTEST_SECONDS]


def find_scale(notes: Iterable[Note]) -> Scale | None:
    """Estimate the key of a melody by the method of Krumhansl and Schmuckler; return None if there are no notes."""
    seconds = np.zeros(12)
    for note in notes:
        below, share = int(np.floor(note.pitch)), note.pitch % 1
        seconds[below % 12] += (note.end - note.start) * (1 - share)
        seconds[(below + 1) % 12] += (note.end - note.start) * share
    if not seconds.any():
        return None
    candidates = [
        (float(np.corrcoef(np.roll(ratings, tonic), seconds)[0, 1]), Scale.of(tonic, is_minor))
        for is_minor, ratings in ((False, _MAJOR_RATINGS), (True, _MINOR_RATINGS))
        for tonic in range(12)
    ]
    return max(candidates, key=lambda one: one[0])[1]


def snapped(f0: FloatArray, frame_seconds: float, scale: Scale, strength: float = 1.0) -> FloatArray:
    """Move each note of a contour (T,) in Hz so that its median comes closer to the nearest note of a scale.

    A note keeps its vibrato, its scoops and its glides. From one note to the next, the shift changes within 60 ms.

    Args:
        strength: share of the distance to move, 0 to 1.
    """
    shift = np.full(len(f0), np.nan)
    for span in note_spans(f0, frame_seconds):
        note = _median_note(f0[span])
        shift[span] = strength * (scale.nearest(note) - note)
    moved = f0.copy()
    for start, end in _sounds(f0 > 0, frame_seconds):
        sound = slice(start, end)
        if not np.isnan(shift[sound]).all():
            moved[sound] *= semitones_to_ratio(_smoothed(_filled(shift[sound]), frame_seconds)).astype(f0.dtype)
    return moved


def _median_note(f0: FloatArray) -> float:
    return float(hz_to_note(float(np.median(f0[f0 > 0]))))


def _sounds(voiced: NDArray[np.bool_], frame_seconds: float) -> list[tuple[int, int]]:
    """Return the [start, end) frames of each voiced stretch; short gaps do not end a stretch."""
    edges = np.flatnonzero(np.diff(voiced, prepend=False, append=False)).reshape(-1, 2)
    gaps = edges[1:, 0] - edges[:-1, 1]
    ends = np.append(gaps * frame_seconds > _BRIDGED_SECONDS, True)[: len(edges)]
    starts = np.append(True, ends[:-1])[: len(edges)]
    return list(zip(edges[starts, 0].tolist(), edges[ends, 1].tolist(), strict=True))


def _steps(f0: FloatArray, frame_seconds: float) -> NDArray[np.intp]:
    """Return the frames at which the piecewise constant function for a contour (T,) has a step."""
    pitch = hz_to_note(np.where(f0 > 0, f0, 1.0))
    voiced = f0 > 0
    grid = np.arange(pitch[voiced].min(), pitch[voiced].max() + _GRID, _GRID)
    cost = np.minimum(np.abs(pitch[:, None] - grid), _LIMIT) * (voiced[:, None] * frame_seconds)
    # Dynamic programming: the function with the lowest cost up to each frame, for each value in this frame.
    total = cost[0]
    came_from = np.zeros(cost.shape, np.int32)
    stay = np.arange(len(grid), dtype=np.int32)
    for frame in range(1, len(cost)):
        cheapest = int(total.argmin())
        changed = total[cheapest] + _PENALTY
        came_from[frame] = np.where(total <= changed, stay, cheapest)
        total = np.minimum(total, changed) + cost[frame]
    path = np.empty(len(cost), np.int32)
    path[-1] = total.argmin()
    for frame in range(len(cost) - 1, 0, -1):
        path[frame - 1] = came_from[frame, path[frame]]
    return np.flatnonzero(np.diff(path)) + 1


def _filled(shift: FloatArray) -> FloatArray:
    """Replace NaN by the nearest value."""
    known = np.flatnonzero(~np.isnan(shift))
    middles = (known[1:] + known[:-1]) / 2
    return shift[known[np.searchsorted(middles, np.arange(len(shift)))]]


def _smoothed(shift: FloatArray, frame_seconds: float) -> FloatArray:
    half = round(_GLIDE_SECONDS / 2 / frame_seconds)
    if not half:
        return shift
    window = np.hanning(2 * half + 3)[1:-1]
    return np.convolve(np.pad(shift, half, mode="edge"), window / window.sum(), "valid")
