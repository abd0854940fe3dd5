"""The check of a take accepts the demo's song and detects each defect added to it."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from myna.audio.io import read
from myna.audio.resample import resample
from myna.studio import takes
from myna.studio.prompts import VOICES, guide_tone, melodies, root_for
from myna.studio.take_report import PROBLEMS, Problem, ProblemKey
from myna.studio.takes import check_take

RATE = 44100
SONG = Path(takes.__file__).parents[1] / "voices" / "song.flac"


@pytest.fixture(scope="module")
def song() -> takes.Samples:
    """Ten seconds of a real recording."""
    audio, _ = read(SONG, RATE)
    return audio[: 10 * RATE]


def keys(audio: np.ndarray, kind: takes.Kind = "sung", rate: int = RATE) -> set[str]:
    return {problem.key for problem in check_take(audio.astype(np.float32), rate, kind).problems}


def sounding_level(audio: np.ndarray) -> float:
    return float(10 ** (check_take(audio, RATE, "sung").level_dbfs / 20))


def test_a_good_take_has_no_problems(song: takes.Samples) -> None:
    report = check_take(song, RATE, "sung")
    assert report.good and not {problem.key for problem in report.problems} - {"dull"}
    assert report.seconds == pytest.approx(len(song) / RATE)
    assert 0 < report.sounding_seconds <= report.seconds
    assert report.pitch is not None and 60 < report.pitch.median_hz < 800
    assert report.voiced_share > 0.6


def test_level_excludes_silence() -> None:
    """A sine of half scale has an RMS of -9 dBFS, regardless of the silence around it."""
    tone = np.float32(0.5) * np.sin(2 * np.pi * 220 * np.arange(RATE) / RATE).astype(np.float32)
    report = check_take(np.pad(tone, RATE), RATE, "sung")
    assert report.level_dbfs == pytest.approx(-9.03, abs=0.2)
    assert report.peak_dbfs == pytest.approx(-6.02, abs=0.1)
    assert report.sounding_seconds == pytest.approx(1.0, abs=0.1)
    assert report.pitch is not None and report.pitch.median_hz == pytest.approx(220, rel=0.01)
    louder = check_take(np.pad(2 * tone, RATE) * np.float32(0.98), RATE, "sung")
    assert louder.level_dbfs - report.level_dbfs == pytest.approx(5.85, abs=0.05)


@pytest.mark.parametrize("color", ["white", "pink"])
@pytest.mark.parametrize("snr_db", [10, 25])
def test_the_noise_level_is_measured(song: takes.Samples, color: str, snr_db: float) -> None:
    noise = np.random.default_rng(0).standard_normal(len(song))
    if color == "pink":
        spectrum = np.fft.rfft(noise) / np.sqrt(np.arange(len(noise) // 2 + 1) + 1)
        noise = np.fft.irfft(spectrum, len(noise))
    noise *= sounding_level(song) * 10 ** (-snr_db / 20) / noise.std()
    report = check_take((song + noise).astype(np.float32), RATE, "sung")
    assert report.snr_db == pytest.approx(snr_db, abs=4)  # rumble below 60 Hz is not counted
    assert ("noisy" in {problem.key for problem in report.problems}) == (snr_db == 10)


def test_a_held_note_does_not_count_as_noise() -> None:
    """The tone has no pauses in which to measure noise."""
    held = next(melody for melody in melodies() if melody.key == "swell")
    tone = guide_tone(held, root_for(held, VOICES["tenor"]), RATE)[RATE : 3 * RATE]
    assert check_take(tone, RATE, "sung").snr_db > 40


@pytest.mark.parametrize("voice", ["bass", "soprano"])
def test_unclipped_tones_are_not_reported_as_clipped(voice: str) -> None:
    for melody in melodies()[:4]:
        tone = guide_tone(melody, root_for(melody, VOICES[voice]), RATE)[: 2 * RATE]  # type: ignore[index]
        for gain in (0.03, 0.1, 2.8):
            for audio in (tone * np.float32(gain), np.round(tone * gain * 32768) / 32768):
                assert check_take(audio.astype(np.float32), RATE, "sung").clipped_samples == 0, melody.title


@pytest.mark.parametrize(
    ("spoil", "key"),
    [
        (lambda audio: audio * 10 ** (-40 / 20), "too_quiet"),
        (lambda audio: np.clip(audio * 10, -1, 1), "clipped"),
        (
            lambda audio: np.round(0.3 * np.clip(audio * 10, -1, 1) * 32768) / 32768,
            "clipped",
        ),  # then attenuated
        (lambda audio: np.clip(audio * 10, -2, 0.6), "clipped"),  # clipped on one side
        (lambda audio: resample(resample(audio, RATE, 8000), 8000, RATE), "narrow_band"),
        (lambda audio: audio * 0, "silent"),
        (lambda audio: audio * 1e-4, "silent"),
        (lambda audio: np.pad(audio[2 * RATE : 2 * RATE + RATE // 4], RATE), "too_short"),
        (lambda audio: np.tile(audio, 4), "too_long"),
    ],
)
def test_each_defect_is_detected(song: takes.Samples, spoil: object, key: str) -> None:
    assert key in keys(spoil(song))  # type: ignore[operator]


def test_noise_is_not_accepted_as_singing() -> None:
    noise = np.random.default_rng(0).standard_normal(3 * RATE) * 0.05
    assert "not_pitched" in keys(noise)
    assert "not_pitched" not in keys(noise, "spoken")


@pytest.mark.parametrize("n", [0, 1, 400, 5000])
def test_very_short_takes_get_a_report(n: int) -> None:
    assert keys(np.zeros(n)) == {"silent"}
    assert "too_short" in keys(np.full(n, 0.5)) or n < 2 or "silent" in keys(np.full(n, 0.5))


def test_every_problem_has_a_message() -> None:
    numbers = {"seconds": 1.0, "level_dbfs": -50.0, "samples": 3.0, "snr_db": 9.0, "highest_hz": 4000.0}
    assert PROBLEMS.keys() == set(get_args(ProblemKey))
    for key in get_args(ProblemKey):
        assert "{" not in Problem(key, numbers).text()
    assert Problem("too_quiet", numbers).text() != Problem("silent").text()
    assert Problem("silent").text({"silent": "조용합니다"}) == "조용합니다"
