"""Positions and labels of times, frequencies and notes on plot axes."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from myna.units import hz_to_mel, hz_to_note, note_to_hz

LOW_HZ = 40.0  # lower edge of all spectrograms
_TIME_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600)
_NOTES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
_MIN_SEMITONES = 8


def time_ticks(seconds: float) -> Iterator[tuple[float, str]]:
    """Yield ticks as (time in seconds, label), at most nine up to a duration of 80 minutes."""
    step = next((step for step in _TIME_STEPS if seconds / step <= 8), _TIME_STEPS[-1])
    for count in range(int(seconds / step) + 1):
        time = count * step
        yield time, f"{int(time // 60)}:{time % 60:02g}" if seconds > 60 else f"{time:g} s"


def frequency_position(hz: float, high_hz: float) -> float:
    """Return the vertical position of a frequency in a mel spectrogram, from 0 (`high_hz`, top) to 1 (`LOW_HZ`)."""
    low, position, high = map(hz_to_mel, (LOW_HZ, hz, high_hz))
    return (high - position) / (high - low)


def hz_to_midi(f0: NDArray[np.floating]) -> NDArray[np.floating]:
    """Convert f0 in Hz to MIDI note numbers (69 is A4, 440 Hz); unvoiced frames (0 Hz) become 69."""
    return np.asarray(hz_to_note(np.where(f0 > 0, f0, 440.0)))


def midi_to_hz(note: float) -> float:
    """Convert a MIDI note number to its frequency in Hz."""
    return note_to_hz(note)


def note_name(note: int) -> str:
    return f"{_NOTES[note % 12]}{note // 12 - 1}"


def note_range(voiced: NDArray[np.floating]) -> tuple[float, float]:
    """Return the range to plot, in MIDI note numbers, given the f0 of the voiced frames in Hz.

    It contains the 0.5th to 99.5th percentiles and is at least `_MIN_SEMITONES` wide.
    """
    if not len(voiced):
        return 57.0, 57.0 + _MIN_SEMITONES
    low, high = np.percentile(hz_to_midi(voiced), (0.5, 99.5))
    margin = max(1.0, (_MIN_SEMITONES - (high - low)) / 2)
    return math.floor(low - margin), math.ceil(high + margin)


def note_lines(low: float, high: float) -> Iterator[int]:
    """Yield the MIDI notes of the lines in a plot, at most seven."""
    step = next(step for step in (2, 3, 4, 6, 12, 24, 48) if (high - low) / step <= 6)
    yield from range(math.ceil(low / step) * step, math.floor(high) + 1, step)
