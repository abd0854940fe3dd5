"""Pitch of recordings, from which songs are transposed to a voice (see `shift`)."""

from __future__ import annotations

import math
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from myna.audio.preparation import prepared
from myna.config import PitchRange
from myna.features.contour import pitch_range
from myna.features.f0 import F0_ESTIMATORS
from myna.options import DEFAULT_F0_METHOD

Samples = NDArray[np.float32]

# Length of audio from which pitch is measured; the median pitch of a song settles long before its end.
PITCH_SECONDS = 120.0
_PITCH_RATE, _PITCH_HOP = 16000, 160  # SwiftF0's own sample rate


def measure_pitch(path: Path | str, seconds: float = PITCH_SECONDS) -> PitchRange | None:
    """Return the pitch range of the first `seconds` of a recording; None if nothing in them is voiced.

    Raises:
        AudioError: the recording cannot be read.
    """
    source = islice(prepared(Path(path), _PITCH_RATE, _PITCH_RATE), math.ceil(seconds))
    estimate = F0_ESTIMATORS[DEFAULT_F0_METHOD]
    return range_of([estimate(np.concatenate(list(source)), _PITCH_RATE, _PITCH_HOP, "cpu")])


def range_of(contours: list[Samples]) -> PitchRange | None:
    """Return the pitch range of the voiced frames in all `contours` (Hz); None if no frame is voiced."""
    return pitch_range(np.concatenate([np.empty(0, np.float32), *contours]))
