"""The spectrogram over notes shows a tone at its note, wherever the tone lies between two bins of the transform."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from myna.evaluation.drawing.note_spectrum import (
    COLUMNS_PER_SECOND,
    HIGH_NOTE,
    N_ROWS,
    ROWS_PER_NOTE,
    context_samples,
    note_levels,
)
from myna.units import note_to_hz

RATE = 44100


def tone(note: float, seconds: float) -> NDArray[np.float32]:
    """Return a tone with the context that its columns need."""
    time = np.arange(round(seconds * RATE) + 2 * context_samples(RATE)) / RATE
    return (0.1 * np.sin(2 * np.pi * note_to_hz(note) * time)).astype(np.float32)


@pytest.mark.parametrize("note", [38.0, 45.25, 52.5, 57.0, 69.75, 84.0])
def test_a_tone_is_brightest_in_the_row_of_its_note(note: float) -> None:
    levels = note_levels(tone(note, 1.0), RATE)
    assert levels.shape == (N_ROWS, COLUMNS_PER_SECOND)
    assert set(HIGH_NOTE - levels.argmax(axis=0) / ROWS_PER_NOTE) == {note}
    away = np.abs(HIGH_NOTE - np.arange(N_ROWS) / ROWS_PER_NOTE - note) > 1.5
    assert levels[away].max() < 0.6 * levels.max()


def test_silence_is_dark_and_too_little_sound_has_no_columns() -> None:
    assert not note_levels(np.zeros(RATE, np.float32), RATE).any()
    assert note_levels(np.zeros(100, np.float32), RATE).shape == (N_ROWS, 0)
