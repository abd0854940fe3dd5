"""The mark is inaudible, and is detected in parts and changed copies of a sound."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soxr

from myna.assets import BUNDLED_SONG
from myna.audio.io import Writer, blocks, read
from myna.audio.marking.detection import DETECTION_RATE, FALSE_ALARMS, Detection, detect, threshold
from myna.audio.marking.embedding import Marker, marked, marked_part
from myna.audio.marking.pattern import CHIP_SECONDS, EDGES_HZ, PERIOD, depths_db, signs

RATE = 44100


@pytest.fixture(scope="module")
def song() -> np.ndarray:
    return read(BUNDLED_SONG, RATE)[0]


@pytest.fixture(scope="module")
def marked_song(song: np.ndarray) -> np.ndarray:
    return mark(song)


def mark(audio: np.ndarray, sample_rate: int = RATE) -> np.ndarray:
    return np.concatenate(list(marked([audio], sample_rate)))


def search(audio: np.ndarray, sample_rate: int = RATE) -> Detection:
    return detect([soxr.resample(audio, sample_rate, DETECTION_RATE).astype(np.float32)])


def band_db(audio: np.ndarray, low_hz: float, high_hz: float) -> float:
    power = np.abs(np.fft.rfft(audio)) ** 2
    frequencies = np.fft.rfftfreq(len(audio), 1 / RATE)
    return float(10 * np.log10(power[(low_hz <= frequencies) & (frequencies < high_hz)].sum() + 1e-12))


def test_the_pattern_never_changes() -> None:
    """Otherwise, files that were marked earlier would not be found any more."""
    digest = hashlib.sha256(signs().astype(np.int8).tobytes() + EDGES_HZ.tobytes()).hexdigest()
    assert digest == "77084eeaa2a273f7581efa3e5dd6882660815d8eab45ede15441cd43b476f3f1"


@pytest.mark.parametrize("rate", [16000, 22050, 44100, 48000])
def test_the_division_into_blocks_does_not_change_the_sound(rate: int, song: np.ndarray) -> None:
    audio = song[: 3 * rate]
    cuts = np.sort(np.random.default_rng(0).integers(0, len(audio), 40))
    pieces = [audio[:0], *np.split(audio, cuts)]
    np.testing.assert_allclose(np.concatenate(list(marked(pieces, rate))), mark(audio, rate), rtol=0, atol=1e-6)


@pytest.mark.parametrize("n_samples", [0, 1, 511, 512, 1024, 3000])
def test_the_number_of_samples_stays_the_same(n_samples: int, song: np.ndarray) -> None:
    sound = mark(song[:n_samples])
    assert sound.shape == (n_samples,)
    assert sound.dtype == np.float32


def test_a_stream_lags_behind_by_no_more_than_the_delay(song: np.ndarray) -> None:
    marker, n_added, n_returned = Marker(RATE), 0, 0
    for start in range(0, RATE, 441):
        n_added += 441
        n_returned += len(marker.add(song[start : start + 441]))
        assert 0 <= n_added - n_returned <= marker.delay
    assert marker.delay / RATE < 0.025


def test_only_the_bands_change_and_only_a_little(song: np.ndarray, marked_song: np.ndarray) -> None:
    difference = marked_song - song
    inside = band_db(difference, 300, 8200)
    assert inside < band_db(song, 0, RATE / 2) - 24
    # Steps in the gains would be heard as clicks, whose spectrum is wide.
    assert band_db(difference, 0, 250) < inside - 45
    assert band_db(difference, 8300, RATE / 2) < inside - 35
    assert np.abs(difference).max() < 0.2 * np.abs(song).max()
    assert depths_db().min() == pytest.approx(0.7) and depths_db().max() < 2


def test_silence_stays_silent() -> None:
    assert not mark(np.zeros(RATE, np.float32)).any()


def test_a_tone_outside_of_the_bands_stays_as_it_is() -> None:
    time = np.arange(RATE) / RATE
    tone = (np.sin(2 * np.pi * 100 * time) + np.sin(2 * np.pi * 12000 * time)).astype(np.float32)
    middle = slice(RATE // 10, -RATE // 10)
    assert np.abs(mark(tone) - tone)[middle].max() < 1e-3


def mixed(audio: np.ndarray) -> np.ndarray:
    """Add chords that change every half second, as loud as the voice."""
    time = np.arange(len(audio)) / RATE
    root = 110 * 2 ** (np.floor(2 * time) % 5 / 6)
    phase = 2 * np.pi * np.cumsum(root) / RATE
    chords = sum(np.sin(ratio * k * phase) / k for ratio in (1, 1.25, 1.5) for k in range(1, 12))
    return audio + chords.astype(np.float32) * np.sqrt(np.square(audio).mean() / np.square(chords).mean())


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "nothing": lambda audio: audio,
    "its middle": lambda audio: audio[2 * RATE + 123 : 5 * RATE],
    "softer": lambda audio: audio / 50,
    "turned over": np.negative,
    "telephone": lambda audio: soxr.resample(soxr.resample(audio, RATE, 8000), 8000, RATE),
    "music": mixed,
    "noise": lambda audio: audio + 0.002 * np.random.default_rng(0).standard_normal(len(audio)).astype(np.float32),
    "silence around it": lambda audio: np.pad(audio, (7 * RATE + 77, 3 * RATE)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_mark_is_found_in_a_changed_sound_and_only_if_there_is_one(
    change: str, song: np.ndarray, marked_song: np.ndarray
) -> None:
    found = search(CHANGES[change](marked_song))
    assert found.found and found.score > 1.3 * found.threshold
    assert found.speed == pytest.approx(1, abs=0.003)
    assert found.chance < 1e-8
    clean = search(CHANGES[change](song))
    assert not clean.found and clean.chance > FALSE_ALARMS


@pytest.mark.parametrize("speed", [0.945, 0.96, 0.98, 0.99, 1.01, 1.02, 1.04, 1.059])
def test_the_mark_is_found_at_another_speed(speed: float, marked_song: np.ndarray) -> None:
    found = search(soxr.resample(marked_song, RATE * speed, RATE))
    assert found.score > 2 * found.threshold
    assert found.speed == pytest.approx(speed, abs=0.003)


@pytest.mark.parametrize("suffix", [".mp3", ".ogg"])
def test_the_mark_is_found_in_a_compressed_file(suffix: str, marked_song: np.ndarray, tmp_path: Path) -> None:
    with Writer(tmp_path / f"song{suffix}", RATE) as writer:
        writer.write(marked_song)
    found = detect(blocks(tmp_path / f"song{suffix}", DETECTION_RATE, 5000))
    assert found.score > 2 * found.threshold


def test_a_marked_part_of_a_long_sound_is_found_at_its_place(marked_song: np.ndarray) -> None:
    noise = 0.01 * np.random.default_rng(0).standard_normal(60 * RATE).astype(np.float32)
    found = search(np.concatenate([noise[: 25 * RATE], marked_song, noise]))
    assert found.found
    assert found.start_seconds < 30 < found.end_seconds and found.end_seconds - found.start_seconds < 25


def test_other_signs_are_not_found(marked_song: np.ndarray) -> None:
    others = signs()[:, ::-1].copy()
    audio = soxr.resample(marked_song, RATE, DETECTION_RATE).astype(np.float32)
    assert detect([audio]).found
    assert not detect([audio], pattern=others).found


def test_silence_and_very_short_sounds_have_no_mark() -> None:
    for seconds in (0.001, 0.05, 0.5):
        assert detect([np.zeros(round(seconds * DETECTION_RATE), np.float32)]).score == 0
    assert detect([]) == Detection(False, 0.0, threshold(0), 1.0, 1.0, 0.0, 0.0, 0.0)


def test_the_threshold_grows_slowly_with_the_length() -> None:
    assert 6 < threshold(5) < threshold(10) < threshold(60) < threshold(600) < threshold(36000) < 8


def test_sound_that_repeats_with_the_pattern_is_not_taken_for_the_mark() -> None:
    """Equal signs then meet equal sounds, whose sum grows faster than that of different sounds."""
    n_samples = round(PERIOD * CHIP_SECONDS * DETECTION_RATE)
    rng = np.random.default_rng(0)
    beats = np.interp(np.arange(n_samples), np.linspace(0, n_samples, 100), 10 ** rng.normal(0, 0.5, 100))
    phrase = (rng.standard_normal(n_samples) * beats).astype(np.float32)
    assert not detect([np.tile(phrase, 12)]).found


def test_a_part_has_the_mark_that_it_has_within_the_whole() -> None:
    rate, first, end = 44100, 61234, 123456
    audio = np.zeros(3 * rate, np.float32)
    audio[first + 2000 : end - 2000] = np.random.default_rng(0).normal(0, 0.1, end - first - 4000)
    whole = np.concatenate(list(marked([audio], rate)))
    assert np.allclose(marked_part(audio[first:end], first, rate), whole[first:end], atol=1e-6)
