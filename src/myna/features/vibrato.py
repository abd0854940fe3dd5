"""Vibrato of a pitch contour: modulations of 4 to 8 Hz within notes."""

from __future__ import annotations

import numpy as np

from myna.features.contour import FloatArray
from myna.features.notes import note_spans
from myna.units import hz_to_note, semitones_to_ratio

# Vibrato of singers has 4 to 8 Hz (Sundberg 1994). The filter passes these frequencies fully, and removes those beyond
# the outer limits.
_BAND_HZ = (3.0, 4.0, 8.0, 10.0)
_SLOWEST_SECONDS = 0.25  # period of 4 Hz: the shortest stretch that can contain a vibrato


def with_vibrato(f0: FloatArray, frame_seconds: float, factor: float) -> FloatArray:
    """Multiply the depth of the vibrato in a contour (T,) in Hz, 0 where unvoiced.

    Args:
        frame_seconds: distance between frames.
        factor: 0 removes the vibrato, 1 keeps it, 2 makes it twice as deep.
    """
    changed = f0.copy()
    if factor == 1:
        return changed
    for span in note_spans(f0, frame_seconds):
        vibrato = _vibrato(f0[span], frame_seconds)
        changed[span] *= semitones_to_ratio((factor - 1) * vibrato).astype(f0.dtype)
    return changed


def _vibrato(f0: FloatArray, frame_seconds: float) -> FloatArray:
    """Return the vibrato of a note (T,) in semitones.

    Only the part from the first to the last time at which the pitch crosses its moving average is filtered. This
    excludes scoops and glides at the ends of the note, which also contain frequencies of 4 to 8 Hz. The vibrato is 0 at
    both ends of the part.
    """
    pitch = hz_to_note(np.interp(np.arange(len(f0)), np.flatnonzero(f0 > 0), f0[f0 > 0]))
    above = pitch > _moving_average(pitch, round(_SLOWEST_SECONDS / frame_seconds))
    crossings = np.flatnonzero(np.diff(above))
    found = np.zeros(len(f0))
    if len(crossings) and (crossings[-1] - crossings[0]) * frame_seconds >= _SLOWEST_SECONDS:
        part = slice(int(crossings[0]), int(crossings[-1]) + 2)
        found[part] = _band(pitch[part], frame_seconds)
    return found


def _moving_average(values: FloatArray, width: int) -> FloatArray:
    """Return the mean of the `width` values around each value (T,), or of fewer at the ends."""
    sums = np.append(0.0, np.cumsum(values))
    middle = np.arange(len(values))
    first, last = (middle - width // 2).clip(min=0), (middle + width // 2 + 1).clip(max=len(values))
    return np.asarray((sums[last] - sums[first]) / (last - first))


def _band(pitch: FloatArray, frame_seconds: float) -> FloatArray:
    """Return the component of a signal (T,) in the frequency band of vibrato. Its first and last values are 0.

    The straight line from the first to the last value is subtracted first. The result is then extended as an odd
    function, so that the filtered signal has no jump and no kink at its ends.
    """
    signal = pitch - np.linspace(pitch[0], pitch[-1], len(pitch))
    odd = np.concatenate([signal[:-1], -signal[:0:-1]])
    hz = np.fft.rfftfreq(len(odd), frame_seconds)
    rising = np.interp(hz, _BAND_HZ[:2], (0, 1)) * np.interp(hz, _BAND_HZ[2:], (1, 0))
    filtered = np.fft.irfft(np.fft.rfft(odd) * rising, len(odd))
    return np.append(filtered[: len(signal) - 1], 0.0)
