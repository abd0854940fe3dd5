"""Look-ahead limiter: lowers the gain before and around a peak, so that no peak exceeds the ceiling."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from myna.units import db_to_amplitude, power_to_db

Samples = NDArray[np.float32]
FloatArray = NDArray[np.float64]

# The gain falls within this time before a peak, and rises at this rate after it.
_ATTACK_SECONDS = 0.005
_RELEASE_DB_PER_SECOND = 40.0
# A true peak is the peak of the sound at four times its sample rate (ITU-R BS.1770-5, annex 2).
_OVERSAMPLING, _REACH = 4, 8  # _REACH: samples on each side that the interpolation uses


def true_peaks(audio: Samples) -> FloatArray:
    """Return the true peak of each sample, (N,): the largest magnitude in `audio`, (C, N), up to the next sample."""
    padded = np.pad(audio, ((0, 0), (_REACH - 1, _REACH)))
    peaks: FloatArray = np.abs(audio).max(axis=0).astype(np.float64)
    for response in _interpolators():
        for channel in padded:
            np.maximum(peaks, np.abs(np.convolve(channel, response, "valid")), out=peaks)
    return peaks


class Limiter:
    """Limiter of a sound that is given in consecutive blocks (C, n).

    The output is aligned with the input; until `finish` it is shorter by a few ms. Where no peak is near that exceeds
    the ceiling, the sound is unchanged.
    """

    def __init__(self, sample_rate: int, ceiling: float, most_db: float = np.inf) -> None:
        """
        Args:
            sample_rate: in Hz.
            ceiling: highest true peak of the output.
            most_db: largest reduction; peaks that need more exceed the ceiling.
        """
        self.reduction_db = 0.0  # largest so far
        self._ceiling, self._most_db = ceiling, most_db
        self._attack = max(round(_ATTACK_SECONDS * sample_rate), 1)
        self._release_db = _RELEASE_DB_PER_SECOND / sample_rate
        self._held: Samples | None = None  # `_REACH` samples of the past, then those whose gain is not known yet
        self._released = np.zeros(0)  # gains in dB before smoothing, of the last samples

    def push(self, block: Samples) -> Samples:
        """Append samples, and return those that have enough samples after them."""
        if self._held is None:
            self._held = np.zeros((len(block), _REACH), np.float32)
        held = np.concatenate([self._held, block], axis=1)
        n_ready = held.shape[1] - 2 * _REACH - self._attack
        if n_ready <= 0:
            self._held = held
            return held[:, :0]
        peaks = true_peaks(held)[_REACH : _REACH + n_ready + self._attack]
        gain = db_to_amplitude(self._gain_db(peaks)).astype(np.float32)
        self._held = held[:, n_ready:]
        return held[:, _REACH : _REACH + n_ready] * gain

    def finish(self) -> Samples:
        """Return the last samples."""
        if self._held is None:
            return np.zeros((1, 0), np.float32)
        return self.push(np.zeros((len(self._held), _REACH + self._attack), np.float32))

    def _gain_db(self, peaks: FloatArray) -> FloatArray:
        """Return the gain of N samples in dB, (N,), given the peaks of these and of the next samples, (N + attack,)."""
        excess_db = power_to_db(np.maximum(peaks / self._ceiling, 1e-10) ** 2)
        needed = -excess_db.clip(0.0, self._most_db)
        lowest = _sliding_minimum(needed, self._attack + 1)
        # r[n] = min(m[n], r[n - 1] + step) is the minimum of m[k] + (n - k) step over all k up to n.
        ramp = self._release_db * np.arange(len(lowest) + 1)
        if not len(self._released):  # the time before the sound gets the gain of its beginning
            self._released = np.full(self._attack, lowest[0])
        past = np.concatenate([self._released[-1:], lowest])
        released = (np.minimum.accumulate(past - ramp) + ramp)[1:]
        # A moving average makes the attack gradual. At a peak, each averaged gain is at most the needed one, because it
        # is a minimum that includes the peak.
        recent = np.concatenate([self._released, released])
        total = np.cumsum(np.concatenate([[0.0], recent]))
        width = self._attack + 1
        self._released = recent[len(recent) - self._attack :]
        gain_db: FloatArray = np.minimum((total[width:] - total[:-width]) / width, 0.0)
        gain_db[gain_db > -1e-6] = 0.0  # rounding of the sums
        self.reduction_db = max(self.reduction_db, -float(gain_db.min(initial=0.0)))
        return gain_db


def _sliding_minimum(values: FloatArray, width: int) -> FloatArray:
    """Return the minimum of each `width` consecutive values, (N - width + 1,)."""
    found, reached = values, 1
    while reached < width:
        step = min(reached, width - reached)
        found, reached = np.minimum(found[:-step], found[step:]), reached + step
    return found


@lru_cache(maxsize=1)
def _interpolators() -> tuple[FloatArray, ...]:
    """Return the filters that interpolate the points a quarter, half and three quarters of a sample after a sample."""
    places = np.arange(-_REACH + 1, _REACH + 1)
    fractions = np.arange(1, _OVERSAMPLING) / _OVERSAMPLING
    windowed = (
        np.sinc(fraction - places) * np.cos(np.pi / 2 * (fraction - places) / (_REACH + 0.5)) ** 2
        for fraction in fractions
    )
    return tuple((response / response.sum())[::-1] for response in windowed)
