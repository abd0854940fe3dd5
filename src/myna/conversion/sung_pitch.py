"""The output pitch: the contour of the source after transposition, vibrato, autotune and pitch edits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from myna.config import VOICE_BOUNDS
from myna.conversion.settings import ConversionSettings
from myna.features.contour import into_bounds, transpose
from myna.features.notes import snapped
from myna.features.vibrato import with_vibrato
from myna.scales import Scale

F0 = NDArray[np.float32]


class SungPitch(NamedTuple):
    """A contour, and the octaves by which its frames were moved into the pitch bounds of voices."""

    f0: F0  # (T,) Hz, 0 where unvoiced
    octaves: NDArray[np.int_]  # (T,)


def sung_pitch(
    f0: F0, times: NDArray[np.float64], transpose_by: float, scale: Scale | None, settings: ConversionSettings
) -> SungPitch:
    """Return the output pitch for a contour of the source.

    Args:
        f0: contour (T,) of the source in Hz, 0 where unvoiced.
        times: centres of the contour's frames (T,) in seconds.
        transpose_by: shift in semitones.
        scale: key to which `--autotune` moves the notes; None moves none.
    """
    found = _within_bounds(transpose(f0, transpose_by))
    changed = found.f0
    seconds = float(times[1] - times[0]) if len(times) > 1 else 1.0
    if settings.options.vibrato != 1:
        changed = with_vibrato(changed, seconds, settings.options.vibrato)
    if settings.autotune is not None and scale is not None:
        changed = snapped(changed, seconds, scale, settings.autotune.strength)
    if edits := settings.edits.within(times[0], times[-1]) if len(times) else settings.edits:
        changed = edits.applied(changed, times).astype(np.float32)
    if changed is found.f0:
        return found
    again = _within_bounds(changed)
    return SungPitch(again.f0, found.octaves + again.octaves)


def _within_bounds(f0: F0) -> SungPitch:
    """Move notes outside the pitch bounds of voices into the bounds by whole octaves."""
    moved = into_bounds(f0, VOICE_BOUNDS).astype(np.float32)
    octaves = np.log2(np.divide(moved, f0, out=np.ones_like(f0), where=f0 > 0)).round().astype(int)
    return SungPitch(moved, octaves)
