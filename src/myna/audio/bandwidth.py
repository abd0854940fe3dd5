"""Bandwidth of a recording: low if a 44.1 kHz file was resampled from a lower rate or encoded lossily."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from myna.units import power_to_db

_N_FFT = 2048
_LOWEST_HZ = 3000.0  # recordings with less bandwidth are useless for training
_SMOOTHED_HZ = 300.0
_STEP_HZ = 600.0  # the cutoff of a resampler or an encoder takes less than this
_STEP_DB = 15.0  # spectra of real sound fall by only a few dB over this step


def highest_frequency(audio: NDArray[np.float32], sample_rate: int) -> float:
    """Return the bandwidth of `audio` (N,) in Hz: the frequency of a cutoff, or half the sample rate without a cutoff.

    A cutoff is a steep drop in the long-term spectrum, above which all levels stay low.
    """
    n_frames = len(audio) // _N_FFT
    if not n_frames:
        return sample_rate / 2
    frames = audio[: n_frames * _N_FFT].reshape(n_frames, _N_FFT) * np.hanning(_N_FFT)
    power = np.square(np.abs(np.fft.rfft(frames))).mean(axis=0)
    hz_per_bin = sample_rate / _N_FFT
    width, step = (max(round(hz / hz_per_bin), 1) for hz in (_SMOOTHED_HZ, _STEP_HZ))
    level_db = power_to_db(np.convolve(power, np.full(width, 1 / width), mode="same") + 1e-20)
    loudest_above = np.maximum.accumulate(level_db[::-1])[::-1]
    first = round(_LOWEST_HZ / hz_per_bin)
    last = len(level_db) - width // 2 - step  # above this bin, zero padding lowers the smoothed spectrum
    if last <= first:
        return sample_rate / 2
    drop = level_db[first:last] - loudest_above[first + step : last + step]
    edge = int(np.argmax(drop))
    if drop[edge] < _STEP_DB:
        return sample_rate / 2
    return float((first + edge) * hz_per_bin)
