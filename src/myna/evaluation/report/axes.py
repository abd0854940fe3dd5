"""Where times, frequencies and notes lie on the axes of a plot, and which of them are named."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from myna.units import hz_to_mel

LOW_HZ = 40.0  # the lowest of every spectrogram
_TIME_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600)
_NOTES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
_LEAST_SEMITONES = 8


def time_ticks(seconds: float) -> Iterator[tuple[float, str]]:
    """Up to nine moments of a recording, with their names."""
    step = next((step for step in _TIME_STEPS if seconds / step <= 8), _TIME_STEPS[-1])
    for count in range(int(seconds / step) + 1):
        time = count * step
        yield time, f"{int(time // 60)}:{time % 60:02g}" if seconds > 60 else f"{time:g} s"


def frequency_place(hz: float, high_hz: float) -> float:
    """Where a frequency lies in a mel spectrogram up to `high_hz`: 0 at its top, 1 at its bottom, `LOW_HZ`."""
    low, here, high = map(hz_to_mel, (LOW_HZ, hz, high_hz))
    return (high - here) / (high - low)


def semitones(f0: NDArray[np.floating]) -> NDArray[np.floating]:
    """MIDI numbers: 69 is A4, 440 Hz."""
    return np.asarray(69 + 12 * np.log2(np.where(f0 > 0, f0, 440.0) / 440.0))


def note_hz(note: float) -> float:
    """The pitch of a MIDI number."""
    return float(440.0 * 2 ** ((note - 69) / 12))


def note_name(note: int) -> str:
    return f"{_NOTES[note % 12]}{note // 12 - 1}"


def note_range(voiced: NDArray[np.floating]) -> tuple[float, float]:
    """What of the scale is shown: all but the outermost slips, at least `_LEAST_SEMITONES`."""
    if not len(voiced):
        return 57.0, 57.0 + _LEAST_SEMITONES
    low, high = np.percentile(semitones(voiced), (0.5, 99.5))
    spare = max(1.0, (_LEAST_SEMITONES - (high - low)) / 2)
    return math.floor(low - spare), math.ceil(high + spare)


def note_lines(low: float, high: float) -> Iterator[int]:
    """Three to six notes to draw a line at."""
    step = next(step for step in (2, 3, 4, 6, 12, 24, 48) if (high - low) / step <= 6)
    yield from range(math.ceil(low / step) * step, math.floor(high) + 1, step)
