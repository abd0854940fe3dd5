"""DIO and Harvest of the WORLD vocoder (Morise et al. 2016), refined by StoneMask."""

from __future__ import annotations

import numpy as np

from myna.audio.resample import resample
from myna.config import PitchBounds
from myna.features.contour import Contour, FloatArray
from myna.features.f0.framing import Samples

# At this rate, DIO is four times faster than at 44.1 kHz, and the accuracy of both methods is the same.
SAMPLE_RATE = 16000
_STEP_MS = 5.0


def measure_dio(audio: Samples, sample_rate: int, times: FloatArray, device: str, bounds: PitchBounds) -> Contour:
    return _measure("dio", audio, sample_rate, bounds)


def measure_harvest(audio: Samples, sample_rate: int, times: FloatArray, device: str, bounds: PitchBounds) -> Contour:
    return _measure("harvest", audio, sample_rate, bounds)


def _measure(method: str, audio: Samples, sample_rate: int, bounds: PitchBounds) -> Contour:
    import pyworld

    signal = resample(audio, sample_rate, SAMPLE_RATE).astype(np.float64)
    coarse, times = getattr(pyworld, method)(
        signal, SAMPLE_RATE, f0_floor=bounds.low_hz, f0_ceil=bounds.high_hz, frame_period=_STEP_MS
    )
    return Contour(times, pyworld.stonemask(signal, coarse, times, SAMPLE_RATE))
