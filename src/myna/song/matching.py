"""Matching of a converted voice's level and tone to the original voice, by their third octaves over time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from myna.song.convolution import convolved
from myna.song.frames import PowerFrames
from myna.units import db_to_amplitude, db_to_power, power_to_db

Samples = NDArray[np.float32]
FloatArray = NDArray[np.float64]

HOP_SECONDS = 0.05
# Mid-band frequencies of the third octaves (IEC 61260) from 50 Hz to 20 kHz, the audible range of most loudspeakers.
BANDS_HZ: FloatArray = 1000 * 2 ** (np.arange(-13, 14) / 3)
_HALF_BAND = 2 ** (1 / 6)

# Momentary loudness is the power in 400 ms. Loudness is the mean over moments above two gates: -70 LUFS, and 10 dB
# below the mean of the moments above -70 LUFS (ITU-R BS.1770-5, annex 1).
_MOMENT_FRAMES = round(0.4 / HOP_SECONDS)
_OFFSET_LUFS, _ABSOLUTE_GATE_LUFS, _RELATIVE_GATE_DB = -0.691, -70.0, -10.0

# Lowest level of compared moments, relative to the loudness: it includes soft lines, but no pauses with remains of
# music.
_COMPARED_DB = -20.0
_SMOOTH_SECONDS = 0.6
_MOST_OVERALL_DB, _MOST_OVER_TIME_DB = 40.0, 6.0

# The frequency response of a recording is smooth, but formants are narrow. Smoothing the difference of the spectra over
# about an octave keeps the formants of the converted voice.
_TONE_SMOOTHING_BANDS = 1.5  # standard deviation, in third octaves
_MOST_TONE_DB = 4.0
_PRESENT_DB = -40.0  # softer bands, relative to the loudest one, contain only noise
_EQUALIZER_SECONDS = 0.02


@dataclass(frozen=True)
class Bands:
    """Power of a recording in third octaves, for frames of 100 ms around multiples of `HOP_SECONDS`.

    Attributes:
        power: (F, B), summed over channels; 2 kB per second.
    """

    power: Samples

    def loudness(self, tone_db: FloatArray | None = None) -> FloatArray:
        """Return the K-weighted power of each frame (F,), after an equalizer with gains `tone_db` (B,)."""
        weights = _k_weights()
        if tone_db is not None:
            weights = weights * db_to_power(tone_db)
        return (self.power @ weights.astype(np.float32)).astype(np.float64)


class BandMeter:
    """Meter of the third octaves of a recording, given in consecutive blocks (C, n)."""

    def __init__(self, sample_rate: int) -> None:
        hop_length = round(HOP_SECONDS * sample_rate)
        self._frames = PowerFrames(hop_length, centered=True)
        # Scaled so that the sum of a frame's bands is its mean square.
        scale = 2 / (2 * hop_length * float(np.square(self._frames.window, dtype=np.float64).sum()))
        self._bands = _bands_of_bins(sample_rate, 2 * hop_length) * scale
        self._power: list[Samples] = []

    def add(self, block: Samples) -> None:
        self._power.append((self._frames.push(block) @ self._bands).astype(np.float32))

    def bands(self) -> Bands:
        """Return the measured bands, after the last block."""
        last = (self._frames.finish() @ self._bands).astype(np.float32)
        return Bands(np.concatenate([*self._power, last]))


def loudness_lufs(power: FloatArray) -> float:
    """Return the gated loudness of K-weighted powers (F,) in LUFS; minus infinity if all are below the gate."""
    moments = _moments(power)
    audible = moments[_lufs(moments) > _ABSOLUTE_GATE_LUFS]
    if not len(audible):
        return -np.inf
    loud = audible[audible > audible.mean() * db_to_power(_RELATIVE_GATE_DB)]
    return float(_lufs(loud.mean()))


def active_frames(power: FloatArray) -> NDArray[np.bool_]:
    """Return a mask of the frames of K-weighted powers (F,) with a voice, even a soft one."""
    floor = max(loudness_lufs(power) + _COMPARED_DB, _ABSOLUTE_GATE_LUFS)
    active: NDArray[np.bool_] = _lufs(_moments(power)) > floor
    return active


def match_level(original: FloatArray, sung: FloatArray, *, over_time: bool = True) -> FloatArray:
    """Return the gain in dB for each frame (F,) that gives a converted voice the loudness of the original.

    Args:
        original: K-weighted powers of the original voice, (F,).
        sung: K-weighted powers of the converted voice, (F,).
        over_time: vary the gain smoothly over time, by up to 6 dB from the overall gain, and interpolate it in pauses;
            otherwise return the overall gain in every frame.
    """
    compared = active_frames(original) & active_frames(sung)
    if not compared.any():
        return np.zeros(len(sung))
    wanted, found = _moments(original), _moments(sung)
    overall = power_to_db(float(wanted[compared].sum() / found[compared].sum()))
    gain_db = np.full(len(sung), np.clip(overall, -_MOST_OVERALL_DB, _MOST_OVERALL_DB))
    if over_time:
        difference = power_to_db(wanted[compared]) - power_to_db(found[compared]) - overall
        bounded = difference.clip(-_MOST_OVER_TIME_DB, _MOST_OVER_TIME_DB)
        gain_db += _smooth_between(np.flatnonzero(compared), bounded, len(sung))
    return gain_db


def _smooth_between(places: NDArray[np.intp], values: FloatArray, n_frames: int) -> FloatArray:
    """Smooth values at some frames, and interpolate between these frames, (n_frames,)."""
    window = np.hanning(round(_SMOOTH_SECONDS / HOP_SECONDS) + 2)[1:-1]
    curve = np.zeros((2, n_frames + len(window)))
    curve[:, places] = values, np.ones(len(values))
    total, weight = (np.convolve(row, window, "same")[places] for row in curve)
    return np.interp(np.arange(n_frames), places, total / weight)


def with_gain(blocks: Iterable[Samples], gain_db: FloatArray, sample_rate: int) -> Iterator[Samples]:
    """Apply gains in dB (F,), given at multiples of `HOP_SECONDS`, to consecutive blocks (C, n)."""
    amplitude, hop, position = db_to_amplitude(gain_db), round(HOP_SECONDS * sample_rate), 0
    for block in blocks:
        places = (position + np.arange(block.shape[1])) / hop
        position += block.shape[1]
        yield block * np.interp(places, np.arange(len(amplitude)), amplitude).astype(np.float32)


def match_tone(original: Bands, sung: Bands) -> FloatArray:
    """Return the gain in dB for each third octave (B,) that matches a converted voice's tone to the original's.

    The gain is smooth over frequency and at most 4 dB up or down. It does not include a difference of the overall
    level.
    """
    compared = active_frames(original.loudness()) & active_frames(sung.loudness())
    wanted, found = (compared.astype(np.float32) @ bands.power for bands in (original, sung))
    if not compared.any() or not wanted.any() or not found.any():
        return np.zeros(len(BANDS_HZ))
    least = db_to_power(_PRESENT_DB)
    present = (wanted > wanted.max() * least) & (found > found.max() * least)
    difference = np.zeros(len(BANDS_HZ))
    difference[present] = power_to_db(wanted[present]) - power_to_db(found[present])
    difference[present] -= difference[present].mean()
    kernel = np.exp(-0.5 * (np.arange(-8, 9) / _TONE_SMOOTHING_BANDS) ** 2)
    weight = np.convolve(present, kernel, "same")
    smooth = np.convolve(difference, kernel, "same") / np.maximum(weight, kernel.min())
    return np.asarray(smooth.clip(-_MOST_TONE_DB, _MOST_TONE_DB))


def equalized(blocks: Iterable[Samples], gain_db: FloatArray, sample_rate: int) -> Iterator[Samples]:
    """Apply a gain in dB for each third octave (B,) to consecutive blocks (C, n), with zero phase."""
    half = round(_EQUALIZER_SECONDS / 2 * sample_rate)
    n_fft = 1 << (4 * half).bit_length()
    frequency = np.maximum(np.fft.rfftfreq(n_fft, 1 / sample_rate), 1.0)
    curve = db_to_amplitude(np.interp(np.log(frequency), np.log(BANDS_HZ), gain_db))
    response = np.roll(np.fft.irfft(curve, n_fft), half)[: 2 * half + 1] * np.hanning(2 * half + 3)[1:-1]
    return convolved(blocks, response[None], lead=half)


def _moments(power: FloatArray) -> FloatArray:
    """Return the mean power in 400 ms around each frame (F,), with silence before and after the recording."""
    padded = np.pad(power, (_MOMENT_FRAMES // 2, _MOMENT_FRAMES - _MOMENT_FRAMES // 2 - 1))
    total = np.cumsum(np.concatenate([[0.0], padded]))
    return np.asarray(np.maximum(total[_MOMENT_FRAMES:] - total[:-_MOMENT_FRAMES], 0) / _MOMENT_FRAMES)


def _lufs(power: FloatArray | float) -> FloatArray:
    return np.asarray(_OFFSET_LUFS + power_to_db(np.maximum(power, 1e-20)))


def _bands_of_bins(sample_rate: int, n_fft: int) -> FloatArray:
    """Return the share of each FFT bin in each third octave, (n_fft // 2 + 1, B)."""
    middle = np.fft.rfftfreq(n_fft, 1 / sample_rate)
    half_bin = sample_rate / n_fft / 2
    low, high = BANDS_HZ / _HALF_BAND, BANDS_HZ * _HALF_BAND
    covered = np.minimum(middle[:, None] + half_bin, high) - np.maximum(middle[:, None] - half_bin, low)
    return np.asarray(covered.clip(0) / (2 * half_bin))


@lru_cache(maxsize=1)
def _k_weights() -> FloatArray:
    """Return the power gain of K-weighting in each third octave (B,), from the 48 kHz filters of ITU-R BS.1770-5."""
    z = np.exp(-2j * np.pi * BANDS_HZ / 48000)
    shelf = (1.53512485958697 - 2.69169618940638 * z + 1.19839281085285 * z**2) / (
        1 - 1.69065929318241 * z + 0.73248077421585 * z**2
    )
    high_pass = (1 - 2 * z + z**2) / (1 - 1.99004745483398 * z + 0.99007225036621 * z**2)
    return np.asarray(np.abs(shelf * high_pass) ** 2)
