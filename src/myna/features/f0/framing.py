"""Common parts of all estimators: pitch range, frames, unvoiced silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from myna.features.contour import Contour, FloatArray, frame_centres, resample_contour
from myna.units import db_to_power

Samples: TypeAlias = NDArray[np.float32]

# Pitch range of so-vits-svc's training data.
FLOOR_HZ = 50.0
CEILING_HZ = 1100.0

# (audio (N,), sample rate, wanted times (T,) in seconds, device) -> pitch at times that the method chooses.
Measure: TypeAlias = Callable[[Samples, int, FloatArray, str], Contour]


class Estimator(Protocol):
    """Estimator of f0 at the middles of frames."""

    def __call__(
        self, audio: Samples, sample_rate: int, hop_length: int, device: str = "cpu", *, peak: float | None = None
    ) -> Samples:
        """
        Args:
            audio: (N,).
            peak: level that counts as loudest, at least that of `audio`; None takes the peak of `audio`. A stream
                passes the peak of everything so far.

        Returns:
            f0 (N // hop_length,) in Hz, 0 where unvoiced.
        """
        ...


# Some methods fail on audio shorter than a few periods of the lowest pitch.
_SHORTEST_SECONDS = 0.25
# Audio with a lower peak is silent: noise of 16 bits or of a quiet room.
_SILENT_PEAK = 2e-4
# A frame is silent if its level is this far below the loudest. No voiced frame of seven recordings was more than 43 dB
# below. Harvest and CREPE find pitches in room noise; this removes them.
_SILENT_DB = -55.0
_LEVEL_SECONDS = 0.03
_USUAL_POWER = 1 / 16  # mean square of loud singing whose peak is 1


def on_frames(measure: Measure) -> Estimator:
    """Turn a method into an estimator: normalise the level, resample the contour to the frames, remove silence."""

    def estimate(
        audio: Samples, sample_rate: int, hop_length: int, device: str = "cpu", *, peak: float | None = None
    ) -> Samples:
        times = frame_centres(len(audio) // hop_length, sample_rate, hop_length)
        if not len(times):
            return np.empty(0, np.float32)
        audio = audio - audio.mean(dtype=np.float64).astype(np.float32)
        loudest = max(float(np.abs(audio).max()), peak or 0.0)
        if loudest < _SILENT_PEAK:
            return np.zeros(len(times), np.float32)
        # swift and FCPE expect usual levels: 40 dB lower they miss a tenth of the voiced frames and more.
        audio = np.pad(audio / np.float32(loudest), (0, max(0, round(_SHORTEST_SECONDS * sample_rate) - len(audio))))
        f0 = resample_contour(*measure(audio, sample_rate, times, device), times)
        least_power = 0.0 if peak is None else _USUAL_POWER
        voiced = _sounding(audio, sample_rate, times, least_power) & (f0 >= FLOOR_HZ) & (f0 <= CEILING_HZ)
        return np.where(voiced, f0, 0).astype(np.float32)

    return estimate


def _sounding(audio: Samples, sample_rate: int, times: FloatArray, least_power: float) -> NDArray[np.bool_]:
    """Mask (T,): true at `times` with a level near that of the loudest, which counts as at least `least_power`."""
    energy = np.concatenate([[0.0], np.cumsum(np.square(audio, dtype=np.float64))])
    half = round(_LEVEL_SECONDS / 2 * sample_rate)
    middle = np.rint(times * sample_rate).astype(np.int64)
    power = energy[(middle + half).clip(max=len(audio))] - energy[(middle - half).clip(min=0)]
    loudest = max(float(power.max()), least_power * 2 * half)
    sounding: NDArray[np.bool_] = power > loudest * db_to_power(_SILENT_DB)
    return sounding
