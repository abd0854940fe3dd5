"""In the spectrogram of a piano roll, a tone lies on the row of its note."""

from __future__ import annotations

import numpy as np
import pytest

from myna.evaluation.drawing.roll import LOWEST_NOTE, MAX_COLUMNS, ROWS_PER_SEMITONE, roll_levels
from myna.units import note_to_hz

RATE = 16000


@pytest.mark.parametrize("note", [45, 57, 69, 88])
def test_a_tone_lies_on_its_note(note: int) -> None:
    audio = np.sin(2 * np.pi * note_to_hz(float(note)) * np.arange(RATE) / RATE).astype(np.float32)
    levels = roll_levels(audio, RATE)
    rows = np.argmax(levels[:, 10:-10], axis=0)
    assert np.abs(rows / ROWS_PER_SEMITONE + LOWEST_NOTE - note).max() <= 0.5
    assert levels.max() == 255


def test_columns_are_equal_parts_of_the_song() -> None:
    audio = np.zeros(4 * RATE, np.float32)
    audio[3 * RATE :] = np.sin(np.arange(RATE) / 5)
    levels = roll_levels(audio, RATE)
    assert levels.shape[1] == 200  # 20 ms each
    loud = levels.max(axis=0) > 128
    assert not loud[:140].any() and loud[155:].all()


def test_the_size_is_bounded() -> None:
    assert roll_levels(np.ones(RATE * 90, np.float32), RATE).shape[1] == MAX_COLUMNS
    for n_samples in (1, 100):
        assert roll_levels(np.zeros(n_samples, np.float32), RATE).shape[1] == 1
