"""Augmented versions of a clip against known physics."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from myna.features.content import SAMPLE_RATE
from myna.features.extractor import Features
from myna.features.f0 import F0_ESTIMATORS
from myna.features.loudness import loudness
from myna.training.prepare.augmentation import Version, place_in_room, random_melody, versions

RATE, HOP = 44100, 512


def vowel(hertz: float = 120.0, seconds: float = 3.0) -> np.ndarray:
    """Harmonics with amplitudes of 1 / n, with silence at both ends."""
    time = np.arange(int(seconds * RATE)) / RATE
    harmonics = [np.sin(2 * np.pi * hertz * number * time) / number for number in range(1, 30)]
    sounding = (time > 0.5) & (time < seconds - 0.5)
    return (0.1 * np.sum(harmonics, axis=0) * sounding).astype(np.float32)


def features_of(audio: np.ndarray) -> Features:
    level = loudness(audio, HOP)
    f0 = np.where(level > -60, 120.0, 0.0).astype(np.float32)
    return Features(torch.zeros(1, len(level)), torch.from_numpy(f0), torch.from_numpy(level))


def versions_of(audio: np.ndarray, n_versions: int = 12) -> list[Version]:
    return list(versions(audio, RATE, features_of(audio), HOP, n_versions))


def pitch(audio: np.ndarray) -> np.ndarray:
    """F0 of the voiced frames, Hz."""
    f0 = F0_ESTIMATORS["dio"](audio, SAMPLE_RATE, SAMPLE_RATE // 100, "cpu")
    return f0[f0 > 0]


def test_the_same_clip_has_the_same_versions_which_differ_from_each_other() -> None:
    audio = vowel()
    one, again = versions_of(audio), versions_of(audio)
    assert all(np.array_equal(left.audio, right.audio) for left, right in zip(one, again, strict=True))
    assert len({version.audio.tobytes() for version in one}) > len(one) / 2
    assert len({version.sample_rate for version in one}) > len(one) / 2
    assert {len(version.audio) for version in one} == {round(len(audio) * SAMPLE_RATE / RATE)}


def test_every_second_version_has_a_melody() -> None:
    found = versions_of(vowel(120))
    for version in found[::2]:
        assert np.median(pitch(version.audio)) == pytest.approx(120, rel=0.01)
    spreads = [np.ptp(np.log2(pitch(version.audio))) for version in found[1::2]]
    assert np.median(spreads) > 0.3, "a melody, where the clip has one pitch"


def test_melodies_span_the_range_of_singing() -> None:
    contours = [random_melody(1000, np.random.default_rng(seed)) for seed in range(50)]
    assert all(contour.shape == (1000,) for contour in contours)
    assert 80 <= min(map(np.min, contours)) < 150 and 600 < max(map(np.max, contours)) <= 1050


def test_a_room_adds_noise_in_pauses_and_keeps_the_level_of_the_voice() -> None:
    audio = vowel().astype(np.float64)[:: RATE // SAMPLE_RATE]
    for seed in range(8):
        in_room = place_in_room(audio, np.random.default_rng(seed))
        before, after = (loudness(one.astype(np.float32), 160) for one in (audio, in_room))
        voice = before > -40
        assert np.median(after[voice] - before[voice]) == pytest.approx(0, abs=2)
        below = np.median(after[voice]) - after[:20].mean()
        assert 12 < below < 53, "noise before the first sound, 15 to 50 dB softer"


def test_loudness_includes_the_change_by_the_room() -> None:
    audio = vowel()
    own = features_of(audio).loudness.numpy()
    pauses, voice = slice(0, 30), own > -30
    noisy = [version for version in versions_of(audio) if version.loudness[pauses].mean() > -90]
    assert 3 < len(noisy) < 12
    for version in noisy:
        frames = np.arange(len(own)) * HOP / RATE
        measured = np.interp(frames, np.arange(len(version.audio) // 160) / 100, loudness(version.audio, 160))
        assert np.abs(version.loudness - measured)[pauses].mean() < 3
        assert np.median(np.abs(version.loudness - own)[voice]) < 3


def test_unvoiced_silent_and_very_short_clips_have_versions() -> None:
    noise = 0.01 * np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    for audio in (noise, np.zeros(RATE, np.float32), noise[:700]):
        level = torch.from_numpy(loudness(audio, HOP))
        features = Features(torch.zeros(1, len(level)), torch.zeros(len(level)), level)
        for version in versions(audio, RATE, features, HOP, 4):
            assert np.isfinite(version.audio).all() and np.isfinite(version.loudness).all()
