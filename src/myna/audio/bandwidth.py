"""Up to which frequency a recording holds sound: much of what has 44100 samples a second once had fewer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_N_FFT = 2048
_LOWEST_HZ = 3000.0  # no recording worth learning from ends lower
_SMOOTHED_HZ = 300.0
_STEP_HZ = 600.0  # the edge of a resampler or of an encoder is steeper than this
_STEP_DB = 15.0  # real spectra fall by a few dB in such a step


def highest_frequency(audio: NDArray[np.float32], sample_rate: int) -> float:
    """Where the cut of `audio` (N,) begins, in Hz: below it all is there; half the sample rate where nothing was cut.

    A cut is a step in the long-term spectrum that nothing above it reaches up to again.
    """
    n_frames = len(audio) // _N_FFT
    if not n_frames:
        return sample_rate / 2
    frames = audio[: n_frames * _N_FFT].reshape(n_frames, _N_FFT) * np.hanning(_N_FFT)
    power = np.square(np.abs(np.fft.rfft(frames))).mean(axis=0)
    hz_per_bin = sample_rate / _N_FFT
    width, step = (max(round(hz / hz_per_bin), 1) for hz in (_SMOOTHED_HZ, _STEP_HZ))
    level_db = 10 * np.log10(np.convolve(power, np.full(width, 1 / width), mode="same") + 1e-20)
    loudest_above = np.maximum.accumulate(level_db[::-1])[::-1]
    first = round(_LOWEST_HZ / hz_per_bin)
    last = len(level_db) - width // 2 - step  # beyond it the smoothed spectrum falls towards its own end
    if last <= first:
        return sample_rate / 2
    drop = level_db[first:last] - loudest_above[first + step : last + step]
    edge = int(np.argmax(drop))
    if drop[edge] < _STEP_DB:
        return sample_rate / 2
    return float((first + edge) * hz_per_bin)
