"""Transposition of a song to the pitch range of a voice's recordings."""

from __future__ import annotations

import math
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from myna.audio import io
from myna.config import PitchRange
from myna.features.contour import pitch_range
from myna.features.f0 import F0_ESTIMATORS
from myna.options import DEFAULT_F0_METHOD, TransposeStep
from myna.units import ratio_to_semitones, semitones_to_ratio

Samples = NDArray[np.float32]

# The median pitch of a song settles long before its end.
PITCH_SECONDS = 120.0
_PITCH_RATE, _PITCH_HOP = 16000, 160  # SwiftF0's own sample rate
# Singing is higher than speech, and the lowest note of a bass part is E2, 82 Hz. Of seven songs converted to 24 men's
# voices, one in five would be lower. Shifted an octave up, these gain 0.54 in DNSMOS and lose 0.06 in similarity.
_LOWEST_SONG_HZ = 90.0


def shift_between(source: PitchRange, voice: PitchRange, step: TransposeStep) -> float:
    """Return the semitones from the median pitch of a song to that of a voice, in whole steps.

    Octave steps never shift a song below the range of singing, unless the voice's own recordings are as low.
    """
    semitones = 12 if step == "octave" else 1
    shift = semitones * round(ratio_to_semitones(voice.median_hz / source.median_hz) / semitones)
    lowered_hz = source.median_hz * semitones_to_ratio(shift)
    if step == "octave" and shift < 0 and lowered_hz < min(_LOWEST_SONG_HZ, voice.median_hz):
        shift += 12
    return float(shift)


def measure_pitch(path: Path | str, seconds: float = PITCH_SECONDS) -> PitchRange | None:
    """Return the pitch range of the beginning of a recording; None where nothing of it is voiced.

    Raises:
        AudioError: it cannot be read.
    """
    source = islice(io.blocks(Path(path), _PITCH_RATE, _PITCH_RATE), math.ceil(seconds))
    estimate = F0_ESTIMATORS[DEFAULT_F0_METHOD]
    return range_of([estimate(np.concatenate(list(source)), _PITCH_RATE, _PITCH_HOP, "cpu")])


def range_of(contours: list[Samples]) -> PitchRange | None:
    """Return the pitch range over the voiced frames of contours in Hz; None where there are none."""
    return pitch_range(np.concatenate([np.empty(0, np.float32), *contours]))
