"""Noise gate with hysteresis, whose result does not depend on the sizes of the blocks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from myna.units import db_to_power

Samples = NDArray[np.float32]

FRAME_SECONDS = 0.005  # length of the frames in which the level is measured and the state may change
OPENING_SECONDS = 0.01
_CLOSING_SECONDS = 0.05
_HOLD_SECONDS = 0.25  # the gate stays open for this time after the last loud frame: longer than a stop consonant
_HYSTERESIS_DB = 6.0  # an open gate closes at this distance below its opening level


class Gate:
    """Noise gate: measure the level of a signal, and return the gain for each sample."""

    def __init__(self, sample_rate: int) -> None:
        self._frame = max(round(FRAME_SECONDS * sample_rate), 1)
        self._opening = 1 / (OPENING_SECONDS * sample_rate)  # change of the gain per sample
        self._closing = 1 / (_CLOSING_SECONDS * sample_rate)
        self._hold_frames = round(_HOLD_SECONDS / FRAME_SECONDS)
        self._rest = np.empty(0, np.float32)  # samples of an incomplete frame
        self._frames_left = 0  # number of frames for which the gate stays open
        self._gain = 0.0

    def push(self, block: Samples, threshold_db: float | None) -> Samples:
        """Append samples (n,), and return the gains (m,), 0 to 1, of all frames that are now complete.

        Args:
            threshold_db: level in dB relative to full scale (mean square) at which the gate opens; None keeps it open.
        """
        audio = np.concatenate([self._rest, block])
        n_frames = len(audio) // self._frame
        self._rest = audio[n_frames * self._frame :]
        frames = audio[: n_frames * self._frame].reshape(n_frames, self._frame)
        powers = np.square(frames, dtype=np.float64).mean(axis=1)
        return np.concatenate([np.empty(0, np.float32), *(self._gains(power, threshold_db) for power in powers)])

    def _gains(self, power: float, threshold_db: float | None) -> Samples:
        """Return the gains of a frame with this mean square `power`."""
        if threshold_db is None:
            self._frames_left = self._hold_frames
        else:
            lower_db = threshold_db - (_HYSTERESIS_DB if self._frames_left else 0)
            is_loud = power > db_to_power(lower_db)
            self._frames_left = self._hold_frames if is_loud else max(self._frames_left - 1, 0)
        slope = self._opening if self._frames_left else -self._closing
        gains = np.clip(self._gain + slope * np.arange(1, self._frame + 1), 0, 1)
        self._gain = float(gains[-1])
        return np.asarray(gains, np.float32)
