"""Cuts lie in silence or at the quietest moment, and joining slices restores the recording."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from myna.audio.crossfade import crossfade, join
from myna.audio.slicing import CROSSFADE_SECONDS, Levels, Slice, measure_levels, plan_slices, windows

RATE = 44100
RNG = np.random.default_rng(0)


def noise(seconds: float, db: float = -20.0) -> np.ndarray:
    return RNG.normal(0, 10 ** (db / 20), round(seconds * RATE)).astype(np.float32)


def pieces(audio: np.ndarray, size: int = 5000) -> Iterator[np.ndarray]:
    return (audio[start : start + size] for start in range(0, len(audio), size))


def plan(audio: np.ndarray, **changes: float) -> list[Slice]:
    settings = {"silence_db": -60.0, "min_silence_seconds": 0.5, "max_seconds": 40.0} | changes
    return plan_slices(measure_levels(pieces(audio), RATE), RATE, **settings)  # type: ignore[arg-type]


def converted_by_identity(audio: np.ndarray, slices: list[Slice]) -> np.ndarray:
    around = windows(pieces(audio), [(piece.start - 500, piece.end + 500) for piece in slices])
    return np.concatenate([np.empty(0, np.float32), *join(slices, ((one, 500) for one in around), len(audio), RATE)])


def test_levels_are_the_mean_square_for_any_block_size() -> None:
    audio = noise(1.005)
    one, other = measure_levels([audio], RATE), measure_levels(pieces(audio, 777), RATE)
    np.testing.assert_array_equal(one.power, other.power)
    assert (len(one.power), one.n_samples) == (101, len(audio))
    assert 10 * np.log10(one.power.mean()) == pytest.approx(-20, abs=0.3)
    assert one.power[100] == pytest.approx(np.square(audio[44100:]).mean(), rel=1e-6)


def test_long_silences_are_cut_out_and_short_ones_kept() -> None:
    audio = np.concatenate([noise(1), noise(0.3, -90), noise(1), noise(1, -90), noise(1)])
    first, second = plan(audio)
    assert first.start == 0 and second.end == len(audio)
    # The margin of 0.1 s, and 20 ms by which the measuring window extends beyond the sound.
    assert first.end / RATE == pytest.approx(2.3 + 0.1, abs=0.03)
    assert second.start / RATE == pytest.approx(3.3 - 0.1, abs=0.03)
    assert first.overlap == second.overlap == 0


@pytest.mark.parametrize("breath_db", [-30, -45, -58])
def test_a_breath_between_two_phrases_is_kept(breath_db: float) -> None:
    """In real singing, breaths are 30 to 48 dB below the loudest moment, their ends 58 dB."""
    audio = np.concatenate([noise(1, -10), noise(0.3, -90), noise(0.4, breath_db - 10), noise(0.3, -90), noise(1, -10)])
    assert [(piece.start, piece.end) for piece in plan(audio)] == [(0, len(audio))]


def test_the_threshold_is_relative_to_the_maximum_or_absolute() -> None:
    audio = np.concatenate([noise(1, -40), noise(1, -75), noise(1, -40)])
    assert len(plan(audio)) == 1
    assert len(plan(audio, silence_db=-30.0)) == 2
    assert len(plan(audio, absolute=True)) == 2


@pytest.mark.parametrize("audio", [np.zeros(RATE, np.float32), noise(2, -100)])
def test_silence_has_no_slices(audio: np.ndarray) -> None:
    assert plan(audio) == []
    np.testing.assert_array_equal(converted_by_identity(audio, []), np.zeros_like(audio))


@pytest.mark.parametrize("n_samples", [1, 441, 500, 44099])
def test_a_very_short_recording_is_one_slice(n_samples: int) -> None:
    assert plan(noise(n_samples / RATE)) == [Slice(0, n_samples)]


def test_a_long_phrase_is_cut_at_its_quietest_moments() -> None:
    audio = noise(25)
    for second in (7.5, 14.0):
        audio[round(second * RATE) : round((second + 0.1) * RATE)] *= 0.1
    slices = plan(audio, max_seconds=10.0)
    cuts = [(piece.start + piece.overlap / 2) / RATE for piece in slices[1:]]
    assert cuts[:2] == [pytest.approx(7.55, abs=0.06), pytest.approx(14.05, abs=0.06)]
    assert all(piece.n_samples <= 10 * RATE for piece in slices)
    assert [piece.overlap for piece in slices] == [0] + [round(CROSSFADE_SECONDS * RATE)] * (len(slices) - 1)
    assert plan(audio, max_seconds=0.0) == [Slice(0, len(audio))]


@pytest.mark.parametrize("seconds", [1.01, 1.3, 2.0, 5.0, 9.9])
def test_slices_are_neither_longer_than_the_limit_nor_very_short(seconds: float) -> None:
    slices = plan(noise(seconds), max_seconds=1.0)
    assert all(0.2 * RATE < piece.n_samples <= RATE for piece in slices)


@pytest.mark.parametrize("n_samples", [100_000, 441_001])
def test_joining_slices_restores_the_recording(n_samples: int) -> None:
    audio = noise(n_samples / RATE)
    slices = plan(audio, max_seconds=1.5)
    assert len(slices) > 1
    np.testing.assert_array_equal(converted_by_identity(audio, slices), audio)


def test_only_silence_changes_when_it_is_cut_out() -> None:
    audio = np.concatenate([noise(1, -80), noise(1), noise(2, -95), noise(3), noise(1, -95)])
    joined = converted_by_identity(audio, plan(audio, max_seconds=2.0))
    assert len(joined) == len(audio)
    changed = np.flatnonzero(joined != audio)
    assert np.abs(audio[changed]).max() < 1e-3
    np.testing.assert_array_equal(joined[round(2.2 * RATE) : round(3.8 * RATE)], 0)


def test_windows_are_ranges_of_the_padded_recording() -> None:
    audio = noise(0.5)
    ranges = [(-300, 200), (100, 9000), (8000, 8001), (20000, 23000), (22000, 22060)]
    expected = np.pad(audio, (300, 20000))
    for (start, end), window in zip(ranges, windows(pieces(audio, 997), ranges), strict=True):
        np.testing.assert_array_equal(window, expected[start + 300 : end + 300])


@pytest.mark.parametrize("degrees", [0, 45, 90, 120])
def test_a_crossfade_keeps_the_level_at_any_phase_difference(degrees: float) -> None:
    time = np.arange(round(CROSSFADE_SECONDS * RATE)) / RATE
    one, other = (np.sin(2 * np.pi * 400 * time + phase).astype(np.float32) for phase in (0, np.radians(degrees)))
    mixed = crossfade(one, other)
    period = round(RATE / 400)
    power = np.convolve(np.square(mixed), np.ones(period) / period, "valid")
    assert np.abs(10 * np.log10(power / 0.5)).max() < 0.3


def test_a_crossfade_of_uncorrelated_signals_keeps_their_power() -> None:
    one, other = noise(2), noise(2)
    mixed = crossfade(one, other).reshape(20, -1)
    assert 10 * np.log10(np.square(mixed).mean(axis=1)) == pytest.approx(np.full(20, -20), abs=0.5)


@pytest.mark.parametrize("degrees", [0, 60, 120, 180, 240, 300])
@pytest.mark.parametrize("hz", [82, 220, 880])
def test_a_held_note_crosses_a_cut_at_any_phase_difference(hz: float, degrees: float) -> None:
    """The second difference (a click) and the level (a dip) stay those of the tone."""

    def tone(start: int, end: int, phase: float) -> np.ndarray:
        return (0.5 * np.sin(2 * np.pi * hz * np.arange(start, end) / RATE + phase)).astype(np.float32)

    flat = Levels(np.ones(300), RATE // 100, 3 * RATE)
    slices = plan_slices(flat, RATE, silence_db=-60, min_silence_seconds=0.5, max_seconds=2.9)
    assert len(slices) == 2
    phases = (0.0, np.radians(degrees))
    sounds = [
        (tone(piece.start - 400, piece.end + 400, phase), 400) for piece, phase in zip(slices, phases, strict=True)
    ]
    joined = np.concatenate(list(join(slices, iter(sounds), 3 * RATE, RATE)))
    smooth = np.abs(np.diff(tone(0, RATE, 0.0), 2)).max()
    assert np.abs(np.diff(joined, 2)).max() < 1.1 * smooth
    period = round(RATE / hz)
    levels = np.convolve(np.square(joined), np.ones(period) / period, "valid")
    assert np.abs(10 * np.log10(levels / 0.125)).max() < 0.3


def test_a_slice_fades_to_the_surrounding_silence() -> None:
    audio = np.ones(RATE, np.float32)
    joined = np.concatenate(list(join([Slice(RATE, 2 * RATE)], iter([(audio, 0)]), 3 * RATE, RATE)))
    assert len(joined) == 3 * RATE and np.abs(np.diff(joined)).max() < 0.005
    assert joined[RATE - 1] == 0 and joined[2 * RATE] == 0
    np.testing.assert_array_equal(joined[RATE + 500 : 2 * RATE - 500], 1)
