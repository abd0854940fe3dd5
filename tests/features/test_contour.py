"""Pitch contours with known lines, glides and gaps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from myna.config import PitchBounds
from myna.features.contour import (
    fill_unvoiced,
    frame_centres,
    into_bounds,
    pitch_range,
    resample_contour,
    transpose,
)


def test_gaps_are_interpolated_linearly_and_ends_held() -> None:
    f0 = np.array([0, 0, 100, 0, 0, 0, 200, 210, 0], np.float32)
    filled = fill_unvoiced(f0)
    np.testing.assert_allclose(filled, [100, 100, 100, 125, 150, 175, 200, 210, 210])
    assert filled.dtype == np.float32 and f0[0] == 0


def test_an_unvoiced_contour_stays_unvoiced() -> None:
    assert not fill_unvoiced(np.zeros(5, np.float32)).any()
    assert len(fill_unvoiced(np.empty(0, np.float32))) == 0


def test_tensors_and_arrays_are_filled_alike() -> None:
    f0 = torch.tensor([0.0, 100.0, 0.0, 300.0])
    filled = fill_unvoiced(f0)
    assert filled.tolist() == [100, 100, 200, 300] and filled.dtype == f0.dtype


def test_frame_times_are_the_middles_of_frames() -> None:
    np.testing.assert_allclose(frame_centres(3, 1000, 10), [0.005, 0.015, 0.025])


def test_a_contour_sampled_at_its_own_times_is_unchanged() -> None:
    times, f0 = np.arange(6) * 0.01, np.array([0, 100, 101, 0, 220, 0.0])
    np.testing.assert_allclose(resample_contour(times, f0, times), f0)


def test_a_glide_of_an_octave_per_second_is_exact_between_measured_times() -> None:
    times = np.arange(0, 1, 0.016)
    target = np.arange(0.003, 0.95, 0.0116)
    np.testing.assert_allclose(resample_contour(times, 200 * 2**times, target), 200 * 2**target, rtol=1e-12)


def test_pitch_is_not_interpolated_between_voiced_and_unvoiced() -> None:
    times, f0 = np.array([0.0, 1.0, 2.0, 3.0]), np.array([100, 0, 0, 400.0])
    target = np.array([0.4, 0.6, 1.5, 2.4, 2.6])
    assert resample_contour(times, f0, target).tolist() == [100, 0, 0, 0, 400]


def test_a_contour_is_held_for_one_step_beyond_its_ends() -> None:
    times, f0 = np.array([1.0, 2.0]), np.array([100, 200.0])
    np.testing.assert_allclose(resample_contour(times, f0, np.array([-0.5, 0.5, 2.5, 3.5])), [0, 100, 200, 0])


@pytest.mark.parametrize("n_measured", [0, 1])
def test_contours_of_zero_or_one_value_are_accepted(n_measured: int) -> None:
    resampled = resample_contour(np.zeros(n_measured), np.full(n_measured, 100.0), np.array([0.0, 0.1]))
    assert resampled.tolist() == [100.0 * n_measured] * 2


def test_twelve_semitones_are_an_octave_and_unvoiced_stays_unvoiced() -> None:
    np.testing.assert_allclose(transpose(np.array([0, 220.0]), 12), [0, 440])
    assert transpose(torch.tensor([0.0, 220.0]), -12).tolist() == [0, 110]


def test_the_pitch_range_excludes_extremes_and_unvoiced_frames() -> None:
    f0 = np.concatenate([np.zeros(500), np.linspace(100, 200, 101)]).astype(np.float32)
    found = pitch_range(f0)
    assert found is not None
    assert (found.low_hz, found.median_hz, found.high_hz) == (105, 150, 195)
    assert pitch_range(np.zeros(10)) is None


def test_notes_beyond_the_bounds_move_by_octaves() -> None:
    bounds = PitchBounds(50.0, 1100.0)
    f0 = np.array([0, 440, 1000, 1174, 1000, 440, 0, 2349, 0, 1090, 1000, 0, 58, 45, 58, 200, 0, 24, 0], float)
    moved = into_bounds(f0, bounds)
    # The frames near the bound move with their note; a note that only comes near the bound does not.
    expected = [0, 440, 500, 587, 500, 440, 0, 587.25, 0, 1090, 1000, 0, 116, 90, 116, 200, 0, 96, 0]
    np.testing.assert_allclose(moved, expected)
    np.testing.assert_array_equal(into_bounds(moved, bounds), moved)
    assert f0[3] == 1174


def test_a_vibrato_at_the_bound_is_one_note() -> None:
    f0 = 1100 * 2 ** (np.sin(np.arange(100)) / 12)
    np.testing.assert_allclose(into_bounds(f0, PitchBounds(50.0, 1100.0)), f0 / 2)
