"""Transposition of songs to the pitch of a voice. No estimator is loaded, so that a server can import this module."""

from __future__ import annotations

from myna.config import PitchRange
from myna.options import TransposeStep
from myna.units import ratio_to_semitones, semitones_to_ratio

# Octave steps do not shift a song's median pitch below this: a voice's recordings may be speech, which is lower than
# singing. The lowest note of a bass part is E2, 82 Hz. Of conversions of seven songs to 24 men's voices, one in five
# would have been lower. An octave higher, these conversions gained 0.54 in DNSMOS and lost 0.06 in speaker similarity.
_LOWEST_SONG_HZ = 90.0
# Two octaves count as equally near if their distances from the voice's median pitch differ by less than this
# (semitones).
_NEARLY_AS_NEAR = 2.0


def shift_between(source: PitchRange, voice: PitchRange, step: TransposeStep) -> float:
    """Return the shift in semitones from a song's median pitch to a voice's, rounded to whole steps.

    If two octaves are almost equally near, the higher one is taken, because a voice's recordings may be speech, which
    is lower than the same voice's singing. Octave steps never shift a song below the range of singing, unless the
    voice's own recordings are that low.
    """
    semitones = 12 if step == "octave" else 1
    distance = ratio_to_semitones(voice.median_hz / source.median_hz)
    if step == "octave":
        distance += _NEARLY_AS_NEAR / 2
    shift = semitones * round(distance / semitones)
    lowered_hz = source.median_hz * semitones_to_ratio(shift)
    if step == "octave" and shift < 0 and lowered_hz < min(_LOWEST_SONG_HZ, voice.median_hz):
        shift += 12
    return float(shift)
