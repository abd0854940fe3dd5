"""Automatic transposition of a song to the pitch range of a voice's recordings."""

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
from myna.options import DEFAULT_F0_METHOD, TransposeStep
from myna.units import ratio_to_semitones, semitones_to_ratio

Samples = NDArray[np.float32]

# Length of audio from which pitch is measured; the median pitch of a song settles long before its end.
PITCH_SECONDS = 120.0
_PITCH_RATE, _PITCH_HOP = 16000, 160  # SwiftF0's own sample rate
# Octave steps do not shift a song's median pitch below this, because a voice's recordings may be speech, and singing is
# higher than speech: the lowest note of a bass part is E2, 82 Hz. When seven songs were converted to 24 men's voices,
# one conversion in five would have been lower. An octave higher, these gained 0.54 in DNSMOS and lost 0.06 in speaker
# similarity.
_LOWEST_SONG_HZ = 90.0


def shift_between(source: PitchRange, voice: PitchRange, step: TransposeStep) -> float:
    """Return the shift in semitones from a song's median pitch to a voice's, rounded to whole steps.

    Octave steps never shift a song below the range of singing, unless the voice's own recordings are that low.
    """
    semitones = 12 if step == "octave" else 1
    shift = semitones * round(ratio_to_semitones(voice.median_hz / source.median_hz) / semitones)
    lowered_hz = source.median_hz * semitones_to_ratio(shift)
    if step == "octave" and shift < 0 and lowered_hz < min(_LOWEST_SONG_HZ, voice.median_hz):
        shift += 12
    return float(shift)


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
