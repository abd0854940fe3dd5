"""Look-ahead limiter: lowers the gain before and around a peak, so that no peak exceeds the ceiling."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from myna.units import db_to_amplitude, power_to_db

Samples = NDArray[np.float32]
FloatArray = NDArray[np.float64]

# Time in which the gain falls before a peak, and rate at which it rises after the peak.
_ATTACK_SECONDS = 0.005
_RELEASE_DB_PER_SECOND = 40.0
# A true peak is the peak of the sound at four times its sample rate (ITU-R BS.1770-5, annex 2).
_OVERSAMPLING, _REACH = 4, 8  # _REACH: samples on each side for the interpolation


def true_peaks(audio: Samples) -> FloatArray:
    """Return the true peaks (N,) of `audio` (C, N): the largest magnitude up to the next sample, in any channel."""
    padded = np.pad(audio, ((0, 0), (_REACH - 1, _REACH)))
    peaks: FloatArray = np.abs(audio).max(axis=0).astype(np.float64)
    for response in _interpolators():
        for channel in padded:
            np.maximum(peaks, np.abs(np.convolve(channel, response, "valid")), out=peaks)
    return peaks


class Limiter:
    """Limiter of a sound, given in consecutive blocks (C, n).

    The output is aligned with the input; until `finish`, it is a few ms shorter. The sound changes only near peaks that
    exceed the ceiling.
    """

    def __init__(self, sample_rate: int, ceiling: float, most_db: float = np.inf) -> None:
        """
        Args:
            sample_rate: in Hz.
            ceiling: highest true peak of the output.
            most_db: largest reduction of the gain; peaks that need more than this exceed the ceiling.
        """
        self.reduction_db = 0.0  # largest reduction so far
        self._ceiling, self._most_db = ceiling, most_db
        self._attack = max(round(_ATTACK_SECONDS * sample_rate), 1)
        self._release_db = _RELEASE_DB_PER_SECOND / sample_rate
        self._held: Samples | None = None  # `_REACH` samples of the past, then those without a final gain
        self._released = np.zeros(0)  # unsmoothed gains of the last samples in dB

    def push(self, block: Samples) -> Samples:
        """Append samples, and return the limited samples that are complete."""
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
        """Return the gains (N,) of N samples in dB, given the peaks (N + attack,) of these and the next samples."""
        excess_db = power_to_db(np.maximum(peaks / self._ceiling, 1e-10) ** 2)
        needed = -excess_db.clip(0.0, self._most_db)
        lowest = _sliding_minimum(needed, self._attack + 1)
        # r[n] = min(m[n], r[n - 1] + step) is the minimum of m[k] + (n - k) step over all k up to n.
        ramp = self._release_db * np.arange(len(lowest) + 1)
        if not len(self._released):  # before the sound, assume the gain of its beginning
            self._released = np.full(self._attack, lowest[0])
        past = np.concatenate([self._released[-1:], lowest])
        released = (np.minimum.accumulate(past - ramp) + ramp)[1:]
        # A moving average makes the attack gradual. At a peak, all gains in the average are at most the needed gain,
        # because each is a minimum that includes the peak.
        recent = np.concatenate([self._released, released])
        total = np.cumsum(np.concatenate([[0.0], recent]))
        width = self._attack + 1
        self._released = recent[len(recent) - self._attack :]
        gain_db: FloatArray = np.minimum((total[width:] - total[:-width]) / width, 0.0)
        gain_db[gain_db > -1e-6] = 0.0  # rounding errors of the sums
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
    """Return the filters that interpolate at a quarter, half and three quarters of a sample after a sample."""
    places = np.arange(-_REACH + 1, _REACH + 1)
    fractions = np.arange(1, _OVERSAMPLING) / _OVERSAMPLING
    windowed = (
        np.sinc(fraction - places) * np.cos(np.pi / 2 * (fraction - places) / (_REACH + 0.5)) ** 2
        for fraction in fractions
    )
    return tuple((response / response.sum())[::-1] for response in windowed)
