"""Computation of pitch from the salience of pitch bins, for CREPE, RMVPE and FCPE."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from myna.config import PitchBounds
from myna.features.contour import FloatArray
from myna.units import cents_to_ratio

N_BINS = 360
# Pitch of CREPE's and RMVPE's bins, in cents above 10 Hz. The bins are 20 cents apart, from 31.7 Hz to 2 kHz.
CENTS: FloatArray = 20.0 * np.arange(N_BINS) + 1997.3794084376191

# The pitch of a peak is the weighted mean over the peak's bin and this many bins on each side.
_NEIGHBOURS = 4
# Between two frames, a path moves by less than this many bins, as in CREPE.
_REACH_BINS = 12


def cents_to_hz(cents: FloatArray) -> FloatArray:
    """Convert a pitch in cents above 10 Hz to Hz."""
    return 10 * cents_to_ratio(cents)


def within_bounds(salience: FloatArray, bounds: PitchBounds, cents: FloatArray = CENTS) -> FloatArray:
    """Return `salience` (T, bins) with 0 in the bins outside the bounds."""
    hz = cents_to_hz(cents)
    return np.where((hz >= bounds.low_hz) & (hz <= bounds.high_hz), salience, 0)


def highest_bins(salience: FloatArray) -> NDArray[np.intp]:
    """Return the bin with the greatest salience in each frame: (T, bins) to (T,)."""
    bins: NDArray[np.intp] = salience.argmax(axis=1)
    return bins


def smoothest_bins(salience: FloatArray) -> NDArray[np.intp]:
    """Return the most likely path (T,) through the bins of `salience` (T, bins) in 0..1 (Viterbi).

    Between two frames, the path moves by less than `_REACH_BINS` bins; the probability of a move falls linearly with
    its size.
    """
    n_frames, n_bins = salience.shape
    offsets = np.arange(1 - _REACH_BINS, _REACH_BINS)
    moves = np.log((_REACH_BINS - np.abs(offsets)) / _REACH_BINS**2)
    emission = np.log(np.maximum(salience, 1e-6))
    score = np.full(n_bins + len(offsets) - 1, -np.inf)  # with margins in which no path begins
    inner = slice(_REACH_BINS - 1, _REACH_BINS - 1 + n_bins)
    candidates = np.lib.stride_tricks.sliding_window_view(score, len(offsets))  # a view: (bins, offsets)
    score[inner] = emission[0]
    came_from = np.zeros((n_frames, n_bins), np.intp)
    for frame in range(1, n_frames):
        scored = candidates + moves
        best = scored.argmax(axis=1)
        came_from[frame] = np.arange(n_bins) + offsets[best]
        score[inner] = np.take_along_axis(scored, best[:, None], axis=1)[:, 0] + emission[frame]
    path = np.empty(n_frames, np.intp)
    path[-1] = score[inner].argmax()
    for frame in range(n_frames - 1, 0, -1):
        path[frame - 1] = came_from[frame, path[frame]]
    return path


def bins_to_hz(bins: NDArray[np.intp], salience: FloatArray, threshold: float, cents: FloatArray = CENTS) -> FloatArray:
    """Return the pitch (T,) of the peaks near `bins` (T,) in Hz; 0 where the salience is at most `threshold`."""
    around = bins[:, None] + np.arange(-_NEIGHBOURS, _NEIGHBOURS + 1)
    exists = (around >= 0) & (around < len(cents))
    around = around.clip(0, len(cents) - 1)
    weights = np.take_along_axis(salience, around, axis=1) * exists
    mean_cents = (weights * cents[around]).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-9)
    confidence = np.take_along_axis(salience, bins[:, None], axis=1)[:, 0]
    return np.where(confidence > threshold, cents_to_hz(mean_cents), 0.0)
