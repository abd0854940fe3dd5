"""Recordings in the format that all measures use: mono audio at 16 kHz, with an f0 frame every 10 ms."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from myna.audio.preparation import read_prepared

# All measuring networks were trained on audio at 16 kHz.
SAMPLE_RATE = 16000
HOP_LENGTH = 160  # 10 ms
FRAMES_PER_SECOND = SAMPLE_RATE // HOP_LENGTH


@dataclass(frozen=True)
class Recording:
    """The audio of a file, mono at 16 kHz."""

    path: Path
    audio: NDArray[np.float32]  # (N,)

    @classmethod
    def read(cls, path: Path) -> Recording:
        """Read a file; raise `AudioError` if it cannot be read as audio."""
        return cls(path, read_prepared(path, SAMPLE_RATE))

    @property
    def seconds(self) -> float:
        return len(self.audio) / SAMPLE_RATE
