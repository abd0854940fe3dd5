"""Loudness of each frame of a recording."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from myna.units import db_to_power, power_to_db

# Lower limit, below the quantisation noise of 16 bits. As an amplitude it is 1e-6, the networks' input for digital
# silence.
FLOOR_DB = -120.0
# The level of the pauses is the 5th percentile of the levels if the 75th percentile is at least 20 dB higher.
_PAUSE_PERCENTILE, _SINGING_PERCENTILE, _LEAST_DISTANCE_DB = 5, 75, 20.0
_DIGITAL_SILENCE_DB = -90.0
_KNEE_DB = 8.0  # sounds this far above the level of the pauses, for example consonants, are not changed


def loudness(audio: NDArray[np.float32], hop_length: int) -> NDArray[np.float32]:
    """Return the level of `audio` (N,) in dB relative to full scale: (T,) with T = N // hop_length.

    The level is the RMS of `hop_length` samples around the start of each frame; it is at least `FLOOR_DB`. The audio is
    mirrored at its ends. A full-scale sine has a level of -3.01 dB. The volume in so-vits-svc 4.1 is this level as an
    amplitude, 10 ** (dB / 20).
    """
    n_frames = len(audio) // hop_length
    if not n_frames:
        return np.empty(0, np.float32)
    power = np.square(audio, dtype=np.float64)
    padded = np.pad(power, (hop_length // 2, (hop_length + 1) // 2), mode="reflect")
    return _level_db(padded[: n_frames * hop_length].reshape(n_frames, hop_length))


def _level_db(power: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the level (T,) in dB of frames of squared samples (T, N)."""
    mean: NDArray[np.float64] = power.mean(axis=1)
    level_db = power_to_db(np.maximum(mean, db_to_power(FLOOR_DB)))
    return level_db.astype(np.float32, copy=False)


class LoudnessStream:
    """Loudness of a stream, equal to that of the whole recording; a frame is complete half a frame after its start."""

    def __init__(self, hop_length: int) -> None:
        self._hop_length = hop_length
        self._held: NDArray[np.float32] | None = None  # begins half a frame before the next frame; None at the start
        self._rest = np.empty(0, np.float32)  # the first samples, until there are enough to mirror half a frame

    @staticmethod
    def ready(hop_length: int, n_samples: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of frames that `push` has returned after `n_samples` samples."""
        begun = n_samples > hop_length // 2
        return np.where(begun, (n_samples + hop_length // 2) // hop_length, 0)

    def push(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """Append samples (n,), and return the loudness (t,) in dB of the frames that are now complete."""
        half = self._hop_length // 2
        if self._held is None:
            self._rest = np.concatenate([self._rest, audio])
            if len(self._rest) <= half:
                return np.empty(0, np.float32)
            self._held, audio = self._rest[1 : half + 1][::-1], self._rest
        joined = np.concatenate([self._held, audio])
        n_frames = len(joined) // self._hop_length
        self._held = joined[n_frames * self._hop_length :]
        frames = joined[: n_frames * self._hop_length].reshape(n_frames, self._hop_length)
        return _level_db(np.square(frames, dtype=np.float64))


def pause_level(level_db: NDArray[np.floating]) -> float | None:
    """Return the level in dB of the pauses in a recording with levels (F,); None if it has no clear pauses."""
    audible = level_db[level_db > _DIGITAL_SILENCE_DB]
    if not len(audible):
        return None
    pause, singing = np.percentile(audible, (_PAUSE_PERCENTILE, _SINGING_PERCENTILE))
    return float(pause) if singing - pause >= _LEAST_DISTANCE_DB else None


def soften_pauses(loudness_db: Tensor, pause_db: float, by_db: float) -> Tensor:
    """Lower the loudness (T,) by `by_db` in frames at or below the level `pause_db`.

    Above that level, the reduction falls linearly to 0 within 8 dB. Without it, a voice that is conditioned on loudness
    converts the source's room noise to breath, if the voice's own recordings had softer pauses.
    """
    share = ((pause_db + _KNEE_DB - loudness_db) / _KNEE_DB).clamp(0, 1)
    return loudness_db - by_db * share
