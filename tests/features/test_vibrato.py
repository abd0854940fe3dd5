"""Vibrato is deepened and removed; what is not vibrato is kept."""

from __future__ import annotations

import numpy as np
import pytest

from myna.features.vibrato import with_vibrato
from myna.units import hz_to_note, note_to_hz

STEP = 512 / 44100
TIME = np.arange(0, 2, STEP)


def wave(hz: float, semitones: float = 0.5) -> np.ndarray:
    return note_to_hz(60 + semitones * np.sin(2 * np.pi * hz * TIME))


def depth(contour: np.ndarray) -> float:
    """Half of the distance between the highest and the lowest pitch, in semitones, without the ends."""
    return float(np.ptp(hz_to_note(contour[20:-20])) / 2)


@pytest.mark.parametrize("hz", [4.5, 5.5, 7.0])
@pytest.mark.parametrize("factor", [0.0, 0.5, 2.0])
def test_the_depth_is_multiplied(hz: float, factor: float) -> None:
    assert depth(with_vibrato(wave(hz), STEP, factor)) == pytest.approx(0.5 * factor, abs=0.04)


@pytest.mark.parametrize("hz", [0.5, 1.5, 13.0])
@pytest.mark.parametrize("factor", [0.0, 2.0])
def test_slow_bends_and_fast_jitter_are_kept(hz: float, factor: float) -> None:
    assert depth(with_vibrato(wave(hz), STEP, factor)) == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("factor", [0.0, 3.0])
def test_scoops_glides_and_steps_are_kept(factor: float) -> None:
    scoop = 60 - 2 * np.exp(-TIME / 0.05)
    scoop[TIME > 1] = 64
    contour = note_to_hz(scoop)
    changed = with_vibrato(contour, STEP, factor)
    assert np.abs(hz_to_note(changed) - hz_to_note(contour)).max() < 0.1


def test_the_factor_1_and_unvoiced_frames_change_nothing() -> None:
    contour = wave(5.5)
    contour[60:90] = 0
    np.testing.assert_array_equal(with_vibrato(contour, STEP, 1), contour)
    np.testing.assert_array_equal(with_vibrato(contour, STEP, 2) > 0, contour > 0)
    np.testing.assert_array_equal(with_vibrato(np.zeros(40), STEP, 2), 0)
