"""A sound takes over the level of another one over time, and nothing else of it."""

from __future__ import annotations

import numpy as np
import pytest

from myna.audio.envelope import envelope_db, with_envelope_of

RATE = 16000
TIME = np.arange(2 * RATE) / RATE


def tone(hz: float) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * TIME)).astype(np.float32)


def swelling() -> np.ndarray:
    return (tone(150) * 10 ** (-0.75 * (1 + np.sin(2 * np.pi * 1.5 * TIME)))).astype(np.float32)


def test_the_level_of_a_sine() -> None:
    np.testing.assert_allclose(envelope_db(tone(200), RATE), 20 * np.log10(0.5) - 3.01, atol=0.1)
    assert len(envelope_db(tone(200), RATE)) == 2 / 0.005


def test_with_a_share_of_1_the_level_is_that_of_the_other_sound() -> None:
    sung = with_envelope_of(tone(220), swelling(), 1.0, RATE)
    difference = envelope_db(sung, RATE) - envelope_db(swelling(), RATE)
    assert np.abs(difference).max() < 1.5
    spectrum = np.abs(np.fft.rfft(sung))
    assert np.argmax(spectrum) == 2 * 220  # bins of 0.5 Hz


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_smaller_share_moves_the_level_part_of_the_way(share: float) -> None:
    own, other = envelope_db(tone(220), RATE), envelope_db(swelling(), RATE)
    sung = envelope_db(with_envelope_of(tone(220), swelling(), share, RATE), RATE)
    np.testing.assert_allclose(sung, own + share * (other - own), atol=1)


def test_noise_is_not_raised_out_of_silence() -> None:
    noise = np.random.default_rng(0).normal(0, 1e-4, len(TIME)).astype(np.float32)  # -80 dB
    assert envelope_db(with_envelope_of(noise, tone(220), 1.0, RATE), RATE).max() < -45
    np.testing.assert_allclose(with_envelope_of(noise, 0 * noise, 1.0, RATE), noise, rtol=1e-3)
