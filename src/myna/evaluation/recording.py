"""A recording as the measures hear it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from myna.audio.io import read

# Every judge here was trained on 16 kHz; frames of 10 ms.
SAMPLE_RATE = 16000
HOP_LENGTH = 160
FRAMES_PER_SECOND = SAMPLE_RATE // HOP_LENGTH


@dataclass(frozen=True)
class Recording:
    """One channel of a file at 16 kHz."""

    path: Path
    audio: NDArray[np.float32]  # (N,)

    @classmethod
    def read(cls, path: Path) -> Recording:
        """Raises `AudioError` where the file is not sound."""
        audio, _ = read(path, SAMPLE_RATE)
        return cls(path, audio)

    @property
    def seconds(self) -> float:
        return len(self.audio) / SAMPLE_RATE
