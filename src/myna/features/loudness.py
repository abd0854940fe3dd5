"""How loud each frame is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from myna.units import db_to_power, power_to_db

# Below the noise of 16 bits; what a network gets for digital silence is a volume of 1e-6.
FLOOR_DB = -120.0
# What a twentieth of a recording stays below is its pauses, if its louder quarter lies far enough above.
_PAUSE_PERCENTILE, _SINGING_PERCENTILE, _LEAST_DISTANCE_DB = 5, 75, 20.0
_DIGITAL_SILENCE_DB = -90.0
_KNEE_DB = 8.0  # a consonant so far above the pauses is left alone


def loudness(audio: NDArray[np.float32], hop_length: int) -> NDArray[np.float32]:
    """Level (T,) in dB relative to full scale of `audio` (N,), T = N // hop_length; at least `FLOOR_DB`.

    The root of the mean square of `hop_length` samples around the beginning of each frame, the squares mirrored at the
    ends, as so-vits-svc 4.1 computes the volume that its voices learned; theirs is 10 ** (dB / 20). A full-scale sine
    has -3.01 dB.
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
    """How loud the pauses of a recording are, in dB, by its level (F,) over time; None where it has none to tell."""
    heard = level_db[level_db > _DIGITAL_SILENCE_DB]
    if not len(heard):
        return None
    pause, singing = np.percentile(heard, (_PAUSE_PERCENTILE, _SINGING_PERCENTILE))
    return float(pause) if singing - pause >= _LEAST_DISTANCE_DB else None


def soften_pauses(loudness_db: Tensor, pause_db: float, by_db: float) -> Tensor:
    """Loudness (T,) with the pauses softer by `by_db`, what is a little louder by less, and all else as it is.

    A voice that follows loudness sings the noise of a room as breath; its own recordings had softer pauses.
    """
    share = ((pause_db + _KNEE_DB - loudness_db) / _KNEE_DB).clamp(0, 1)
    return loudness_db - by_db * share
