"""Reverberation of a voice: estimated in one recording, and added to another.

The estimate is blind: after the end of a phrase, the level of a voice in a room decays at a constant rate (Ratnam et
al. 2003, "Blind estimation of reverberation time"). A line is fitted to this decay. Its value at the end of the phrase
is the level of the reverberation during the phrase. Without a room, the decay is so fast that this value is above the
level of the voice.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from myna.song.convolution import convolved
from myna.song.frames import PowerFrames
from myna.units import db_to_power, power_to_db

Samples = NDArray[np.float32]
FloatArray = NDArray[np.float64]

_HOP_SECONDS = 0.01
# Frequencies at which a voice is louder than the remains of the music.
_LOW_HZ, _HIGH_HZ = 300.0, 6000.0

# A phrase lasts at least 0.15 s, at a level at most 18 dB below the loud moments. A pause of more than 0.3 s follows;
# at most its first 3 s are used.
_LOUD_PERCENTILE, _ACTIVE_DB = 95, -18.0
_PHRASE_FRAMES, _PAUSE_FRAMES, _DECAY_FRAMES = 15, 30, 300
# The level of a phrase is the level of the loud moments in its last 0.5 s. The decay begins at the last moment within 3
# dB of the phrase's level.
_BEFORE_FRAMES, _LEVEL_PERCENTILE, _NEAR_DB = 50, 80, 3.0
# The decay is fitted in this range below the phrase's level: after the release of the note, and above the remains of
# the music.
_FIT_FROM_DB, _FIT_TO_DB, _ABOVE_PAUSE_DB = -12.0, -40.0, 6.0
_FEWEST_FRAMES, _LEAST_FALL_DB, _MOST_RISE_DB = 3, 8.0, 4.0
_MOST_ERROR_DB, _SLOWEST_DB_PER_SECOND = 2.5, 10.0  # largest RMS error of the fitted line, and its smallest slope
_FEWEST_DECAYS, _LEAST_SHARE = 3, 0.4

# A shorter decay is the release of a note, not a room.
_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.35, 4.0
_LEAST_WET_DB, _MOST_WET_DB = -30.0, -8.0

_FIRST_REFLECTION_SECONDS = 0.015
# Relative reverberation time in each octave from 250 Hz up; it falls because air and walls absorb high frequencies.
_LOWEST_OCTAVE_HZ = 250.0
_TIMES: FloatArray = np.array([1.1, 1.05, 1.0, 0.9, 0.75, 0.55, 0.4])


@dataclass(frozen=True)
class Room:
    """Reverberation of a voice.

    Attributes:
        seconds: time of a decay by 60 dB.
        wet_power: power of the reverberation, relative to the direct sound.
    """

    seconds: float
    wet_power: float

    def beyond(self, other: Room) -> Room:
        """Return the reverberation to add to a voice that has the reverberation `other`, to get this reverberation."""
        missing = self.wet_power - other.wet_power
        return Room(self.seconds, missing if missing > db_to_power(_LEAST_WET_DB) else 0.0)


DRY = Room(0.8, 0.0)
# For a voice with an unknown room: hardly audible as reverberation, but it blends the voice with the music.
USUAL = Room(0.8, db_to_power(-18.0))


class DecayMeter:
    """Meter of the level of a voice over time, given in consecutive blocks (C, n)."""

    def __init__(self, sample_rate: int) -> None:
        hop_length = round(_HOP_SECONDS * sample_rate)
        self._frames = PowerFrames(hop_length, centered=False)
        bins = np.fft.rfftfreq(2 * hop_length, 1 / sample_rate)
        self._inside = slice(*np.searchsorted(bins, (_LOW_HZ, _HIGH_HZ)))
        self._power: list[FloatArray] = []

    def add(self, block: Samples) -> None:
        self._power.append(self._frames.push(block)[:, self._inside].sum(axis=1, dtype=np.float64))

    def levels_db(self) -> FloatArray:
        """Return the levels (T,) of frames of 20 ms, 10 ms apart, in dB relative to a fixed power."""
        power: FloatArray = np.concatenate([np.zeros(0), *self._power])
        return np.asarray(power_to_db(power + 1e-12))


def estimate_room(levels_db: FloatArray) -> Room | None:
    """Estimate the reverberation of a voice from its levels (T,); None if too few phrases are followed by a decay."""
    if len(levels_db) < _PAUSE_FRAMES:
        return None
    smooth = np.convolve(np.pad(levels_db, 1, "edge"), np.full(3, 1 / 3), "valid")
    found = [decay for end, next_start in _phrase_ends(smooth) if (decay := _decay(smooth, end, next_start))]
    if len(found) < _FEWEST_DECAYS:
        return None
    in_rooms = [room for room in found if room.seconds > _SHORTEST_SECONDS and room.wet_power < 1]
    if len(in_rooms) < max(_FEWEST_DECAYS, _LEAST_SHARE * len(found)):
        return DRY
    seconds, wet = np.median([(room.seconds, room.wet_power) for room in in_rooms], axis=0)
    least, most = db_to_power(_LEAST_WET_DB), db_to_power(_MOST_WET_DB)
    return Room(min(float(seconds), _LONGEST_SECONDS), float(np.clip(wet, least, most)))


def reverberation(blocks: Iterable[Samples], room: Room, sample_rate: int, n_channels: int) -> Iterator[Samples]:
    """Yield the reverberation (C, n) of a voice (1, n), without the voice.

    Its power, summed over the channels, is `room.wet_power` times the power of the voice.
    """
    if room.wet_power <= 0:
        return (np.zeros((n_channels, block.shape[1]), np.float32) for block in blocks)
    response = impulse_response(room.seconds, sample_rate, n_channels)
    return convolved(blocks, response * math.sqrt(room.wet_power / n_channels))


def impulse_response(seconds: float, sample_rate: int, n_channels: int) -> NDArray[np.float32]:
    """Return exponentially decaying noise (C, L), different in each channel, with an energy of 1 in each.

    Args:
        seconds: time of a decay by 60 dB around 1 kHz; higher frequencies decay faster.
        sample_rate: in Hz.
        n_channels: number of channels.
    """
    first = round(_FIRST_REFLECTION_SECONDS * sample_rate)
    n_samples = round(seconds * float(_TIMES.max()) * sample_rate)
    time = np.arange(n_samples) / sample_rate
    noise = np.fft.rfft(np.random.default_rng(0).normal(size=(n_channels, n_samples)))
    octave = np.log2(np.maximum(np.fft.rfftfreq(n_samples, 1 / sample_rate), 1.0) / _LOWEST_OCTAVE_HZ)
    octave = octave.clip(0, len(_TIMES) - 1)
    response = np.zeros((n_channels, n_samples))
    for number, share in enumerate(_TIMES):
        band = np.maximum(1 - np.abs(octave - number), 0.0)  # the bands overlap, with a sum of 1
        if not band.any():  # the band is beyond half the sample rate
            continue
        decaying = np.fft.irfft(noise * band, n_samples) * 10 ** (-3 * time / (seconds * share))
        # All octaves get the same power per Hz, although high octaves decay faster.
        response += decaying / math.sqrt(max(float(np.square(decaying).sum()), 1e-12) / float(np.square(band).sum()))
    response = np.pad(response, ((0, 0), (first, 0)))
    response /= np.sqrt(np.square(response).sum(axis=1, keepdims=True))
    return response.astype(np.float32)


def _phrase_ends(levels: FloatArray) -> Iterator[tuple[int, int]]:
    """Yield the last frame of each phrase before a pause, and the first frame of the phrase after the pause."""
    active = levels > np.percentile(levels, _LOUD_PERCENTILE) + _ACTIVE_DB
    starts = np.append(np.flatnonzero(active[1:] & ~active[:-1]) + 1, len(levels))
    for end in np.flatnonzero(active[:-1] & ~active[1:]):
        next_start = int(starts[np.searchsorted(starts, end + 1)])
        is_phrase = active[max(end - _PHRASE_FRAMES, 0) : end].all() and end >= _PHRASE_FRAMES
        if is_phrase and next_start - end > _PAUSE_FRAMES:
            yield int(end), next_start


def _decay(levels: FloatArray, end: int, next_start: int) -> Room | None:
    """Fit the decay after a phrase as a room, even if it is only the release of a note; None if there is no decay."""
    first = max(end - _BEFORE_FRAMES, 0)
    level = float(np.percentile(levels[first : end + 1], _LEVEL_PERCENTILE))
    stop = first + int(np.flatnonzero(levels[first : end + 1] > level - _NEAR_DB)[-1])
    tail = levels[stop : min(next_start, stop + _DECAY_FRAMES)] - level
    floor = max(_FIT_TO_DB, float(np.percentile(levels[end:next_start], 10)) + _ABOVE_PAUSE_DB - level)
    is_over = (tail < floor) | (tail > np.minimum.accumulate(tail) + _MOST_RISE_DB)
    last = int(np.argmax(is_over)) if is_over.any() else len(tail)
    begin = int(np.argmax(tail < _FIT_FROM_DB))
    begin, last = max(begin - 1, 0), last + 1  # one more frame at both ends, because a dry voice may end within a frame
    part = tail[begin:last]
    if len(part) < _FEWEST_FRAMES or part[0] - part[-1] < _LEAST_FALL_DB:
        return None
    times = np.arange(begin, begin + len(part)) * _HOP_SECONDS
    slope, at_stop = np.polyfit(times, part, 1)
    error = float(np.sqrt(np.mean(np.square(part - slope * times - at_stop))))
    is_fast = slope < -60 / _SHORTEST_SECONDS
    if slope > -_SLOWEST_DB_PER_SECOND or (error > _MOST_ERROR_DB and not is_fast):
        return None
    return Room(-60 / float(slope), float(db_to_power(min(at_stop, 60.0))))
