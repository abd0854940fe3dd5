"""Bandwidth detection finds resampled recordings, and ignores spectra that merely fall with frequency."""

from __future__ import annotations

import numpy as np
import pytest

from myna.audio.bandwidth import highest_frequency
from myna.audio.resample import resample

RATE = 44100


def white(seconds: float = 2.0, rate: int = RATE) -> np.ndarray:
    return 0.1 * np.random.default_rng(0).standard_normal(round(seconds * rate), np.float32)


def coloured(decibels_per_octave: float) -> np.ndarray:
    """Noise whose spectrum falls by `decibels_per_octave` above 100 Hz."""
    spectrum = np.fft.rfft(white())
    hz = np.fft.rfftfreq(2 * RATE, 1 / RATE)
    return np.fft.irfft(spectrum * np.maximum(hz / 100, 1) ** (-decibels_per_octave / 6.02)).astype(np.float32)


@pytest.mark.parametrize("once_rate", [11025, 16000, 22050, 32000])
def test_the_bandwidth_is_where_the_resampling_filter_starts(once_rate: int) -> None:
    once = resample(resample(white(), RATE, once_rate), once_rate, RATE)
    # The stopband of the resampler's filter starts at 0.9 of it.
    assert 0.89 * once_rate / 2 < highest_frequency(once, RATE) < once_rate / 2


def test_the_bandwidth_is_found_despite_16_bit_noise() -> None:
    once = resample(resample(coloured(6), RATE, 16000), 16000, RATE)
    coarse = np.round(once / np.abs(once).max() * 32767 / 2).astype(np.int16) / np.float32(32768)
    assert 7120 < highest_frequency(coarse, RATE) < 8000


@pytest.mark.parametrize("decibels_per_octave", [0, 3, 6, 12], ids=["white", "pink", "brown", "voice"])
def test_a_falling_spectrum_has_full_bandwidth(decibels_per_octave: float) -> None:
    assert highest_frequency(coloured(decibels_per_octave), RATE) == RATE / 2


def test_a_spectral_gap_does_not_limit_the_bandwidth() -> None:
    spectrum = np.fft.rfft(white())
    hz = np.fft.rfftfreq(2 * RATE, 1 / RATE)
    spectrum[(hz > 6000) & (hz < 9000)] = 0
    assert highest_frequency(np.fft.irfft(spectrum).astype(np.float32), RATE) == RATE / 2


@pytest.mark.parametrize(
    ("n_samples", "rate"), [(0, RATE), (2047, RATE), (8000, 4000), (16000, 8000)], ids=["none", "short", "low", "8 kHz"]
)
def test_audio_too_short_or_of_low_rate_has_full_bandwidth(n_samples: int, rate: int) -> None:
    assert highest_frequency(white(1.0)[:n_samples], rate) == rate / 2


def test_silence_has_full_bandwidth() -> None:
    assert highest_frequency(np.zeros(RATE, np.float32), RATE) == RATE / 2
