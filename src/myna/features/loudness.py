"""Loudness of each frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from myna.units import db_to_power, power_to_db

# Below the noise of 16 bits; as a volume, the 1e-6 that networks receive for digital silence.
FLOOR_DB = -120.0
# The pauses' level is the 5th percentile, if the 75th lies at least 20 dB above.
_PAUSE_PERCENTILE, _SINGING_PERCENTILE, _LEAST_DISTANCE_DB = 5, 75, 20.0
_DIGITAL_SILENCE_DB = -90.0
_KNEE_DB = 8.0  # consonants this far above the pauses are not changed


def loudness(audio: NDArray[np.float32], hop_length: int) -> NDArray[np.float32]:
    """Level (T,) in dB relative to full scale of `audio` (N,), T = N // hop_length; at least `FLOOR_DB`.

    RMS of `hop_length` samples around the start of each frame, with the squares mirrored at the ends. This is the
    volume of so-vits-svc 4.1, 10 ** (dB / 20), in dB. A full-scale sine has -3.01 dB.
    """
    n_frames = len(audio) // hop_length
    if not n_frames:
        return np.empty(0, np.float32)
    power = np.square(audio, dtype=np.float64)
    padded = np.pad(power, (hop_length // 2, (hop_length + 1) // 2), mode="reflect")
    mean: NDArray[np.float64] = padded[: n_frames * hop_length].reshape(n_frames, hop_length).mean(axis=1)
    level_db = power_to_db(np.maximum(mean, db_to_power(FLOOR_DB)))
    return level_db.astype(np.float32, copy=False)


def pause_level(level_db: NDArray[np.floating]) -> float | None:
    """Level in dB of a recording's pauses, from its level (F,) over time; None if no pauses stand out."""
    audible = level_db[level_db > _DIGITAL_SILENCE_DB]
    if not len(audible):
        return None
    pause, singing = np.percentile(audible, (_PAUSE_PERCENTILE, _SINGING_PERCENTILE))
    return float(pause) if singing - pause >= _LEAST_DISTANCE_DB else None


def soften_pauses(loudness_db: Tensor, pause_db: float, by_db: float) -> Tensor:
    """Lower loudness (T,) by `by_db` at and below `pause_db`, and by linearly less up to 8 dB above it.

    A voice conditioned on loudness turns room noise into breath; the pauses of its own recordings were softer.
    """
    share = ((pause_db + _KNEE_DB - loudness_db) / _KNEE_DB).clamp(0, 1)
    return loudness_db - by_db * share
