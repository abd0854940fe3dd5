"""Operations on pitch contours: f0 in Hz, 0 where unvoiced."""

from __future__ import annotations

import math
from typing import NamedTuple, TypeVar, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from myna.config import PitchBounds, PitchRange
from myna.units import semitones_to_ratio

FloatArray = NDArray[np.floating]
Numeric = TypeVar("Numeric", float, FloatArray, Tensor)

_PERCENTILES = (5, 50, 95)
_NOTE_SEMITONES = 3.0  # range of a vibrato or an ornament around a bound


class Contour(NamedTuple):
    """Pitch at M points in time."""

    times: FloatArray  # (M,) seconds, ascending
    f0: FloatArray  # (M,) Hz, 0 where unvoiced


def frame_centres(n_frames: int, sample_rate: int, hop_length: int) -> FloatArray:
    """Return the times (n_frames,) of the centres of a recording's frames, in seconds."""
    return (np.arange(n_frames) + 0.5) * (hop_length / sample_rate)


def resample_contour(times: FloatArray, f0: FloatArray, target_times: FloatArray) -> FloatArray:
    """Resample a contour (M,) to other times (T,).

    Pitch is interpolated in log-frequency between two voiced neighbours. Otherwise, the nearer neighbour is used, so
    that gaps stay, and voiced segments grow or shrink by at most half a step. The first and the last value are held for
    one step before the first and after the last time; further out, the result is unvoiced.
    """
    if len(times) < 2:
        return np.full(len(target_times), f0[0] if len(f0) else 0.0)
    right = np.searchsorted(times, target_times).clip(1, len(times) - 1)
    left = right - 1
    weight = ((target_times - times[left]) / (times[right] - times[left])).clip(0, 1)
    nearest = np.where(weight < 0.5, left, right)
    logarithm = np.log(np.where(f0 > 0, f0, 1.0))
    between = np.exp((1 - weight) * logarithm[left] + weight * logarithm[right])
    resampled = np.where((f0[left] > 0) & (f0[right] > 0), between, f0[nearest])
    step = float(np.median(np.diff(times)))
    measured = (target_times >= times[0] - step) & (target_times <= times[-1] + step)
    return np.where(measured, resampled, 0.0)


@overload
def fill_unvoiced(f0: Tensor) -> Tensor: ...
@overload
def fill_unvoiced(f0: FloatArray) -> FloatArray: ...
def fill_unvoiced(f0: FloatArray | Tensor) -> FloatArray | Tensor:
    """Interpolate a contour (T,) linearly in Hz across unvoiced gaps; at the ends, repeat the nearest voiced value.

    This is the f0 input of a `Synthesizer`. A contour without voiced frames stays 0, as in the predecessors.
    """
    if isinstance(f0, Tensor):
        return torch.from_numpy(fill_unvoiced(f0.cpu().numpy())).to(f0)
    voiced = np.flatnonzero(f0 > 0)
    if not len(voiced):
        return np.zeros_like(f0)
    return np.interp(np.arange(len(f0)), voiced, f0[voiced]).astype(f0.dtype)


def hold_unvoiced(f0: FloatArray, before: float) -> FloatArray:
    """Fill the unvoiced frames of a contour (T,) with the last voiced f0: `fill_unvoiced` for streams.

    Args:
        before: f0 in Hz before the first frame.
    """
    voiced = np.concatenate([[True], f0 > 0])
    last = np.maximum.accumulate(np.where(voiced, np.arange(len(voiced)), 0))
    held: FloatArray = np.concatenate([[before], f0])[last][1:].astype(f0.dtype)
    return held


def transpose(f0: Numeric, semitones: float) -> Numeric:
    """Shift f0 up by `semitones`; unvoiced frames stay unvoiced."""
    return f0 * semitones_to_ratio(semitones)


def notes_beyond(f0: FloatArray, bounds: PitchBounds) -> list[slice]:
    """Return the notes of a contour (T,) in Hz that exceed the bounds.

    A note includes the surrounding frames that are close to the same bound, so that a vibrato or glide at the bound is
    one note.
    """
    margin = semitones_to_ratio(_NOTE_SEMITONES)
    voiced = f0 > 0
    notes = []
    for beyond, near in (
        (f0 > bounds.high_hz, f0 > bounds.high_hz / margin),
        (voiced & (f0 < bounds.low_hz), voiced & (f0 < bounds.low_hz * margin)),
    ):
        edges = np.flatnonzero(np.diff(near, prepend=False, append=False)).reshape(-1, 2)
        notes += [slice(start, end) for start, end in edges.tolist() if beyond[start:end].any()]
    return notes


def into_bounds(f0: FloatArray, bounds: PitchBounds) -> FloatArray:
    """Move the notes of a contour (T,) in Hz that exceed the bounds into them, by whole octaves."""
    moved = f0.copy()
    for note in notes_beyond(f0, bounds):
        lowest, highest = f0[note].min(), f0[note].max()
        octaves = -np.ceil(np.log2(highest / bounds.high_hz)) if highest > bounds.high_hz else 0
        moved[note] *= 2.0 ** (octaves or np.ceil(np.log2(bounds.low_hz / lowest)))
    return moved


class NoteAtBound:
    """The current note of a stream, if it is near a bound: `notes_beyond` and `into_bounds` for streams.

    `into_bounds` moves a whole note. Here, a note is moved from its first frame outside the bounds on.
    """

    def __init__(self, bounds: PitchBounds) -> None:
        self.n_frames = 0  # length of the note so far; 0 if the stream is not near a bound
        self.octaves = 0  # number of octaves by which the note is moved
        self._bounds = bounds
        self._side = 0

    def push(self, hz: float) -> None:
        """Append a frame; 0 Hz is unvoiced."""
        low, high = self._bounds.low_hz, self._bounds.high_hz
        margin = semitones_to_ratio(_NOTE_SEMITONES)
        side = 1 if hz > high / margin else -1 if 0 < hz < low * margin else 0
        if side != self._side or not side:
            self.n_frames = self.octaves = 0
        self._side = side
        self.n_frames += abs(side)
        if hz > high:
            self.octaves = min(self.octaves, -math.ceil(math.log2(hz / high)))
        elif 0 < hz < low:
            self.octaves = max(self.octaves, math.ceil(math.log2(low / hz)))


def pitch_range(f0: FloatArray) -> PitchRange | None:
    """Return the median and the 5th and 95th percentiles of a contour's voiced frames; None if there are none."""
    voiced = f0[f0 > 0]
    if not len(voiced):
        return None
    low, median, high = (round(float(hz), 2) for hz in np.percentile(voiced, _PERCENTILES))
    return PitchRange(median_hz=median, low_hz=low, high_hz=high)
