"""How loud each frame is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Below the noise of 16 bits; what a network gets for digital silence is a volume of 1e-6.
FLOOR_DB = -120.0


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
    level_db = 10 * np.log10(np.maximum(mean, 10 ** (FLOOR_DB / 10)))
    return level_db.astype(np.float32, copy=False)
