"""Loudness of known levels, in the frames of so-vits-svc 4.1."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from myna.features.loudness import FLOOR_DB, loudness, pause_level, soften_pauses

HOP = 512


def tone(amplitude: float, n_samples: int = 44100) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * 8 * np.arange(n_samples) / HOP)).astype(np.float32)


def test_a_full_scale_sine_has_minus_three_decibels() -> None:
    measured = loudness(tone(1.0), HOP)
    assert measured.shape == (44100 // HOP,) and measured.dtype == np.float32
    np.testing.assert_allclose(measured, -3.0103, atol=1e-3)


def test_half_the_amplitude_is_six_decibels_lower() -> None:
    np.testing.assert_allclose(loudness(tone(0.8), HOP) - loudness(tone(0.4), HOP), 6.0206, atol=1e-4)


def test_silence_is_at_the_floor() -> None:
    assert (loudness(np.zeros(5000, np.float32), HOP) == FLOOR_DB).all()


@pytest.mark.parametrize("hop", [HOP, 441])
def test_a_frame_is_centred_on_its_start_and_mirrored_at_the_first(hop: int) -> None:
    audio = np.random.default_rng(0).standard_normal(20 * hop + 17).astype(np.float32) * 0.1
    measured = loudness(audio, hop)
    before = hop // 2
    for frame in (1, 7, 19):
        around = audio[frame * hop - before : frame * hop - before + hop].astype(float)
        assert measured[frame] == pytest.approx(20 * np.log10(np.sqrt((around**2).mean())), abs=1e-4)
    mirrored = np.concatenate([audio[before:0:-1], audio[: hop - before]]).astype(float)
    assert measured[0] == pytest.approx(10 * np.log10((mirrored**2).mean()), abs=1e-4)


def test_audio_shorter_than_a_frame_has_no_loudness() -> None:
    assert len(loudness(np.ones(HOP - 1, np.float32), HOP)) == 0


def test_the_pauses_of_a_recording_are_found_if_there_are_any() -> None:
    random = np.random.default_rng(0)
    singing, pauses = random.normal(-20, 3, 700), random.normal(-50, 1, 300)
    assert pause_level(np.concatenate([singing, pauses])) == pytest.approx(-51, abs=1)
    assert pause_level(singing) is None
    assert pause_level(np.full(100, -120.0)) is None
    gated = np.concatenate([singing, pauses, np.full(500, -120.0)])
    assert pause_level(gated) == pytest.approx(-51, abs=1), "digital silence is no room"


def test_only_pauses_are_attenuated() -> None:
    levels = torch.tensor([-70.0, -50.0, -46.0, -42.0, -20.0])
    assert soften_pauses(levels, pause_db=-50, by_db=12).tolist() == [-82, -62, -52, -42, -20]
