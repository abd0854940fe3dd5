"""Resampling keeps frequency, level and duration."""

from __future__ import annotations

import numpy as np
import pytest

from myna.audio.resample import resample, resample_pieces

RATES = [(8000, 44100), (96000, 44100), (48000, 44100), (44100, 16000), (22050, 44100), (88200, 44100), (44100, 44100)]


def tone(hz: float, rate: int, seconds: float = 0.5) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate)).astype(np.float32)


@pytest.mark.parametrize(("source", "target"), RATES)
def test_a_tone_keeps_its_frequency_phase_and_level(source: int, target: int) -> None:
    resampled, expected = resample(tone(440, source), source, target), tone(440, target)
    inside = slice(target // 20, -target // 20)  # without the ringing at the ends
    assert np.abs(resampled - expected)[inside].max() < 1e-4


def test_frequencies_above_the_new_nyquist_are_removed() -> None:
    aliased = resample(tone(15000, 44100), 44100, 16000)[1000:-1000]
    assert 20 * np.log10(np.abs(aliased).max()) < -100


@pytest.mark.parametrize(("source", "target"), RATES)
@pytest.mark.parametrize("n_samples", [1, 2, 999, 12345])
def test_the_length_is_exact_and_blocks_give_the_same_samples(source: int, target: int, n_samples: int) -> None:
    audio = np.random.default_rng(0).normal(0, 0.1, n_samples).astype(np.float32)
    whole = resample(audio, source, target)
    assert len(whole) == round(n_samples * target / source)
    pieces = [audio[start : start + 700] for start in range(0, n_samples, 700)]
    np.testing.assert_array_equal(np.concatenate(list(resample_pieces(pieces, source, target))), whole)
