"""The limiter: no true peak above the ceiling, nothing changed below it, no dependence on the blocks."""

from __future__ import annotations

import numpy as np
import pytest

from myna.song.limiter import Limiter, true_peaks

RATE = 44100


def limited(audio: np.ndarray, ceiling: float, block: int = 5000, **bound: float) -> tuple[np.ndarray, float]:
    limiter = Limiter(RATE, ceiling, **bound)
    parts = [limiter.push(audio[:, i : i + block]) for i in range(0, audio.shape[1], block)]
    return np.concatenate([*parts, limiter.finish()], axis=1), limiter.reduction_db


def music(seconds: float = 2.0) -> np.ndarray:
    """Noise with bursts, both channels different, (2, N)."""
    time = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(0).normal(0, 0.1, (2, len(time)))
    return (noise * (1 + 4 * (time % 0.5 < 0.02))).astype(np.float32)


def test_between_samples_a_sine_at_a_quarter_of_the_rate_peaks_3_db_higher() -> None:
    sine = np.sin(np.pi / 2 * np.arange(1000) + np.pi / 4)[None].astype(np.float32)
    assert np.abs(sine).max() == pytest.approx(0.5**0.5, abs=1e-3)
    assert true_peaks(sine)[100:-100].max() == pytest.approx(1.0, abs=0.01)


def test_sound_below_the_ceiling_is_unchanged() -> None:
    quiet = 0.2 * music()
    out, most_db = limited(quiet, 0.9)
    np.testing.assert_array_equal(out, quiet)
    assert most_db == 0


@pytest.mark.parametrize("level", [1.0, 3.0, 30.0])
def test_no_true_peak_exceeds_the_ceiling(level: float) -> None:
    audio = level * music()
    out, most_db = limited(audio, 0.9)
    assert out.shape == audio.shape
    assert np.abs(out).max() <= 0.9 + 1e-6
    assert true_peaks(out).max() <= 0.9 * 1.012  # 0.1 dB
    assert most_db == pytest.approx(20 * np.log10(true_peaks(audio).max() / 0.9), abs=0.5)


@pytest.mark.parametrize("block", [1, 777, 100_000])
def test_the_result_does_not_depend_on_the_blocks(block: int) -> None:
    audio = music(0.2 if block == 1 else 2.0)
    np.testing.assert_allclose(limited(audio, 0.3, block)[0], limited(audio, 0.3)[0], atol=1e-6)


def test_both_channels_get_the_same_gain_and_sound_away_from_a_peak_none() -> None:
    audio = 0.3 * np.ones((2, 2 * RATE), np.float32)
    audio[0, RATE : RATE + 5] = 1.2
    out, _ = limited(audio, 0.6)
    np.testing.assert_allclose(out[0, RATE + 10 :], out[1, RATE + 10 :])
    near = np.flatnonzero(out[1] < 0.3 * 0.999) / RATE - 1
    assert -0.006 < near.min() < 0 < near.max() < 0.3
    gain_db = 20 * np.log10(out[1] / 0.3)
    assert np.abs(np.diff(gain_db)).max() < 0.05  # no click


def test_a_reduction_is_bounded() -> None:
    out, most_db = limited(3 * music(), 0.9, most_db=3.0)
    assert most_db == pytest.approx(3.0)
    assert np.abs(out).max() == pytest.approx(np.abs(3 * music()).max() * 10 ** (-3 / 20), rel=0.01)
