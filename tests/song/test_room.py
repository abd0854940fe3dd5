"""Reverberation: the decay and the level of known rooms are found, and impulse responses decay as they should."""

from __future__ import annotations

import numpy as np
import pytest

from myna.song.room import DRY, USUAL, DecayMeter, Room, estimate_room, impulse_response, reverberation

RATE = 16000


def phrases() -> np.ndarray:
    """Ten sung notes of 0.8 s with a release of 60 ms and pauses of 1.2 s, (N,)."""
    time = np.arange(20 * RATE) / RATE
    hz = 180 + 15 * np.floor(time / 2)
    tone = sum(np.sin(2 * np.pi * k * hz * time + k) / k for k in range(1, 20))
    within = time % 2
    envelope = np.clip(np.minimum(within / 0.05, (0.86 - within) / 0.06), 0, 1)
    return 0.05 * tone * envelope


def in_room(seconds: float, wet_db: float) -> np.ndarray:
    """Notes in a room made of white noise with another seed than ours."""
    dry = phrases()
    time = np.arange(round(1.2 * seconds * RATE)) / RATE
    noise = np.random.default_rng(7).normal(size=len(time)) * 10 ** (-3 * time / seconds)
    n_fft = len(dry) + len(noise)
    wet = np.fft.irfft(np.fft.rfft(dry, n_fft) * np.fft.rfft(noise, n_fft), n_fft)[: len(dry)]
    return dry + wet * np.sqrt(np.square(dry).sum() / np.square(wet).sum()) * 10 ** (wet_db / 20)


def estimated(audio: np.ndarray, block: int = 7000) -> Room | None:
    meter = DecayMeter(RATE)
    for start in range(0, len(audio), block):
        meter.add(audio[None, start : start + block].astype(np.float32))
    return estimate_room(meter.levels_db())


@pytest.mark.parametrize(("seconds", "wet_db"), [(0.6, -8), (1.0, -8), (1.0, -16), (1.8, -12)])
def test_a_room_is_estimated_from_the_ends_of_phrases(seconds: float, wet_db: float) -> None:
    found = estimated(in_room(seconds, wet_db))
    assert found is not None
    assert found.seconds == pytest.approx(seconds, rel=0.3)
    assert 10 * np.log10(found.wet_power) == pytest.approx(wet_db, abs=4)


def test_a_dry_voice_is_dry_and_one_without_pauses_is_unknown() -> None:
    assert estimated(phrases()) == DRY
    assert estimated(0.1 * np.sin(np.arange(10 * RATE) / 10)) is None
    assert estimated(np.zeros(10 * RATE)) is None
    assert estimated(np.zeros(0)) is None


def test_only_the_missing_reverberation_is_added() -> None:
    assert Room(2.0, 0.1).beyond(Room(0.5, 0.04)) == Room(2.0, pytest.approx(0.06))
    assert Room(2.0, 0.1).beyond(Room(3.0, 0.2)).wet_power == 0
    assert USUAL.beyond(DRY) == USUAL


@pytest.mark.parametrize("rate", [1000, 8000, 192000])
def test_an_impulse_response_has_any_sample_rate(rate: int) -> None:
    response = impulse_response(0.5, rate, 1)
    assert response.shape == (1, round(0.5 * 1.1 * rate) + round(0.015 * rate)) and np.isfinite(response).all()


@pytest.mark.parametrize("seconds", [0.5, 2.0])
def test_an_impulse_response_decays_by_60_db_in_its_time(seconds: float) -> None:
    response = impulse_response(seconds, 44100, 2)
    np.testing.assert_allclose(np.square(response).sum(axis=1), 1, rtol=1e-5)
    assert abs(np.dot(response[0], response[1])) < 0.05  # the channels differ
    assert not response[:, : round(0.01 * 44100)].any()
    hz = np.fft.rfftfreq(response.shape[1], 1 / 44100)
    around = np.fft.irfft(np.fft.rfft(response) * ((hz > 700) & (hz < 1400)), response.shape[1])
    energy = np.cumsum(np.square(around).sum(axis=0)[::-1])[::-1]  # Schroeder 1965
    level_db = 10 * np.log10(energy / energy[0])
    first, last = (np.argmax(level_db < db) for db in (-5, -25))
    assert 3 * (last - first) / 44100 == pytest.approx(seconds, rel=0.15)


def test_reverberation_has_its_power_beside_the_voice() -> None:
    voice = np.random.default_rng(0).normal(0, 0.1, (1, 10 * 44100)).astype(np.float32)
    wet = np.concatenate(list(reverberation([voice], Room(0.8, 0.1), 44100, 2)), axis=1)
    assert wet.shape == (2, voice.shape[1])
    assert np.square(wet).sum() / np.square(voice).sum() == pytest.approx(0.1, rel=0.15)
