"""Measures of pitch, voicing and loudness on contours whose relation is known."""

from __future__ import annotations

import numpy as np
import pytest

from myna.evaluation.contours import compare_loudness, compare_pitch, correlation, find_transpose

# A vibrato of 5 Hz and half a semitone on a glide, with a breath in the middle.
_TIMES = np.arange(300) / 100
SUNG = 220 * 2 ** (_TIMES / 6 + np.sin(2 * np.pi * 5 * _TIMES) / 24)
SUNG[120:150] = 0


@pytest.mark.parametrize("semitones", [-12, -3, 0, 5, 24])
def test_a_constant_shift_is_found_and_not_counted_as_error(semitones: int) -> None:
    shifted = SUNG * 2 ** (semitones / 12)
    assert find_transpose(SUNG, shifted) == semitones
    scores = compare_pitch(SUNG, shifted, semitones)
    assert scores["f0_rmse_cents"] == pytest.approx(0, abs=1e-6)
    assert scores["f0_correlation"] == pytest.approx(1)
    assert (scores["f0_close"], scores["voicing_error"]) == (1, 0)


def test_forty_cents_sharp_is_an_error_and_not_a_shift() -> None:
    sharp = SUNG * 2 ** (40 / 1200)
    assert find_transpose(SUNG, sharp) == 0
    scores = compare_pitch(SUNG, sharp, 0)
    assert scores["f0_rmse_cents"] == pytest.approx(40)
    assert scores["f0_close"] == 1


def test_octave_errors_lower_the_close_share_but_do_not_change_the_shift() -> None:
    slipped = SUNG.copy()
    slipped[:54] *= 2  # a fifth of the 270 voiced frames
    assert find_transpose(SUNG, slipped) == 0
    scores = compare_pitch(SUNG, slipped, 0)
    assert scores["f0_close"] == pytest.approx(0.8)
    assert scores["f0_rmse_cents"] == pytest.approx(1200 * np.sqrt(0.2))


def test_a_missed_requested_shift_is_an_error() -> None:
    assert compare_pitch(SUNG, SUNG, 2)["f0_rmse_cents"] == pytest.approx(200)


def test_voicing_errors_are_a_share_of_all_frames() -> None:
    breathless = np.where(SUNG > 0, SUNG, 220.0)
    assert compare_pitch(SUNG, breathless, 0)["voicing_error"] == pytest.approx(0.1)
    assert compare_pitch(breathless, SUNG, 0)["voicing_error"] == pytest.approx(0.1)


def test_without_voiced_frames_pitch_has_no_score() -> None:
    silent = np.zeros(300)
    assert find_transpose(SUNG, silent) == 0
    assert compare_pitch(silent, silent, 0) == {"voicing_error": 0.0}
    assert compare_pitch(SUNG, silent, 0) == {"voicing_error": 0.9}
    assert compare_pitch(np.empty(0), np.empty(0), 0) == {}


def test_a_constant_pitch_has_no_correlation() -> None:
    scores = compare_pitch(np.full(100, 220.0), np.full(100, 330.0), 7)
    assert "f0_correlation" not in scores
    assert scores["f0_rmse_cents"] == pytest.approx(1200 * np.log2(1.5) - 700)


def test_the_longer_contour_is_truncated() -> None:
    assert compare_pitch(SUNG, SUNG[:200], 0)["voicing_error"] == 0


def test_loudness_ignores_a_constant_gain_and_the_level_of_silence() -> None:
    level = np.concatenate([np.linspace(-40, -10, 100), np.full(50, -90.0)])
    louder = np.where(level > -80, level + 6, -120)
    assert compare_loudness(level, louder)["loudness_correlation"] == pytest.approx(1, abs=1e-3)
    assert compare_loudness(level, -60 - level)["loudness_correlation"] < 0
    assert compare_loudness(np.full(9, -20.0), np.full(9, -20.0)) == {}


def test_correlation_is_pearsons() -> None:
    generator = np.random.default_rng(0)
    one, other = generator.normal(size=(2, 50))
    assert correlation(one, other) == pytest.approx(np.corrcoef(one, other)[0, 1])
