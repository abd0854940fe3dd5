"""Praat's autocorrelation method (Boersma 1993), from the package parselmouth (GPL)."""

from __future__ import annotations

import numpy as np

from myna.config import PitchBounds
from myna.errors import MissingExtraError
from myna.features.contour import Contour, FloatArray
from myna.features.f0.framing import Samples

_STEP_SECONDS = 0.005
_VOICING_THRESHOLD = 0.6  # as in so-vits-svc


def measure_parselmouth(
    audio: Samples, sample_rate: int, times: FloatArray, device: str, bounds: PitchBounds
) -> Contour:
    try:
        import parselmouth
    except ImportError as error:
        raise MissingExtraError("f0 method 'parselmouth'", "parselmouth") from error

    # Praat's window has three periods of the lowest pitch. Within half a window of either end, there is no pitch.
    padding = round(1.5 / bounds.low_hz * sample_rate)
    sound = parselmouth.Sound(np.pad(audio, padding).astype(np.float64), sample_rate)
    pitch = sound.to_pitch_ac(
        time_step=_STEP_SECONDS,
        voicing_threshold=_VOICING_THRESHOLD,
        pitch_floor=bounds.low_hz,
        pitch_ceiling=bounds.high_hz,
    )
    return Contour(pitch.xs() - padding / sample_rate, pitch.selected_array["frequency"])
