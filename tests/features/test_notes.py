"""Notes are found where they were planted, and are moved as wholes."""

from __future__ import annotations

import numpy as np
import pytest

from myna.features.notes import find_notes, find_scale, snapped
from myna.scales import Scale
from myna.units import hz_to_note, note_to_hz

STEP = 512 / 44100


def frames(seconds: float) -> np.ndarray:
    return np.arange(round(seconds / STEP)) * STEP


def melody(*notes: tuple[float, float]) -> np.ndarray:
    """A contour of notes, given as (seconds, MIDI note); note 0 is a rest."""
    parts = [np.full(len(frames(seconds)), note_to_hz(float(note)) if note else 0.0) for seconds, note in notes]
    return np.concatenate(parts)


def with_wave(note: float, hz: float, semitones: float, seconds: float = 2.0) -> np.ndarray:
    return note_to_hz(note + semitones * np.sin(2 * np.pi * hz * frames(seconds)))


def test_planted_notes_are_found() -> None:
    contour = melody((0.5, 60), (0.15, 62), (0.15, 64), (0.5, 65.3), (0.3, 0), (0.4, 65.3), (0.02, 0), (0.4, 65.3))
    contour = contour * 2 ** (np.random.default_rng(0).normal(0, 0.2, len(contour)) / 12)  # an estimator's jitter
    found = find_notes(contour, STEP)
    assert [note.pitch for note in found] == pytest.approx([60, 62, 64, 65.3, 65.3], abs=0.15)
    assert [note.start for note in found] == pytest.approx([0, 0.5, 0.65, 0.8, 1.6], abs=0.03)
    assert [note.end for note in found] == pytest.approx([0.5, 0.65, 0.8, 1.3, 2.42], abs=0.03)


@pytest.mark.parametrize("hz", [4.5, 5.5, 7.0])
@pytest.mark.parametrize("semitones", [0.3, 1.0, 1.4])
def test_a_vibrato_is_one_note(hz: float, semitones: float) -> None:
    (note,) = find_notes(with_wave(57, hz, semitones), STEP)
    assert note.pitch == pytest.approx(57, abs=0.1)


def test_errors_of_an_octave_and_blips_are_no_notes() -> None:
    contour = melody((0.5, 60), (0.05, 72), (0.5, 60), (0.4, 0), (0.04, 70), (0.4, 0))
    assert [note.pitch for note in find_notes(contour, STEP)] == [60]
    assert find_notes(np.zeros(0), STEP) == [] == find_notes(np.zeros(50), STEP)


def test_a_tone_in_the_key_stays_and_one_beside_it_moves() -> None:
    a_minor = Scale.parse("Am")
    np.testing.assert_allclose(snapped(melody((1, 57)), STEP, a_minor), 220)
    np.testing.assert_allclose(snapped(np.full(90, 225.0), STEP, a_minor), 220)
    half = snapped(np.full(90, 225.0), STEP, a_minor, strength=0.5)
    np.testing.assert_allclose(half, np.sqrt(220 * 225))


def test_a_moved_note_keeps_its_vibrato() -> None:
    contour = with_wave(57.4, 5.5, 0.5)
    interval = hz_to_note(snapped(contour, STEP, Scale.parse("Am"))) - hz_to_note(contour)
    np.testing.assert_allclose(interval, -0.4, atol=0.02)


def test_between_two_notes_the_shift_glides() -> None:
    contour = melody((0.5, 57.4), (0.5, 59.3), (0.3, 0), (0.5, 0))
    moved = snapped(contour, STEP, Scale.parse("Am"))
    voiced = contour > 0
    np.testing.assert_array_equal(moved > 0, voiced)
    interval = hz_to_note(moved[voiced]) - hz_to_note(contour[voiced])
    assert interval[[0, -1]] == pytest.approx([-0.4, -0.3])
    wide = snapped(melody((0.5, 57.4), (0.5, 59.6)), STEP, Scale.parse("Am"))  # down by 0.4, up by 0.4
    shift = hz_to_note(wide) - hz_to_note(melody((0.5, 57.4), (0.5, 59.6)))
    assert np.abs(np.diff(shift)).max() < 0.35  # a jump would be 0.8


@pytest.mark.parametrize("tonic", [0, 3, 7, 10])
@pytest.mark.parametrize(
    ("steps", "suffix"), [((0, 2, 4, 5, 7, 4, 0, 9, 7, 4, 0), ""), ((0, 3, 7, 5, 3, 2, 0, 8, 7, 3, 0), "m")]
)
def test_the_key_of_a_melody_is_found(tonic: int, steps: tuple[int, ...], suffix: str) -> None:
    notes = find_notes(np.concatenate([melody((0.4, 60 + tonic + step), (0.1, 0)) for step in steps]), STEP)
    scale = find_scale(notes)
    assert scale is not None and scale == Scale.of(tonic, bool(suffix))


def test_silence_has_no_key() -> None:
    assert find_scale([]) is None
