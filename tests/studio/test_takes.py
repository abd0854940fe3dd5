"""What a check hears: the demo's song is good, and each way to spoil it is named."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from myna.audio.io import Writer, read
from myna.audio.resample import resample
from myna.studio import takes
from myna.studio.prompts import VOICES, guide_tone, melodies, root_for
from myna.studio.takes import PROBLEMS, Aim, Problem, ProblemKey, check_take, report_on

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


def test_level_is_that_of_what_sounds() -> None:
    """A tone of half scale lies 9 dB below it, whatever the silence around it."""
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
def test_noise_is_measured_beside_the_voice(song: takes.Samples, color: str, snr_db: float) -> None:
    noise = np.random.default_rng(0).standard_normal(len(song))
    if color == "pink":
        spectrum = np.fft.rfft(noise) / np.sqrt(np.arange(len(noise) // 2 + 1) + 1)
        noise = np.fft.irfft(spectrum, len(noise))
    noise *= sounding_level(song) * 10 ** (-snr_db / 20) / noise.std()
    report = check_take((song + noise).astype(np.float32), RATE, "sung")
    assert report.snr_db == pytest.approx(snr_db, abs=4)  # rumble below 60 Hz is not counted
    assert ("noisy" in {problem.key for problem in report.problems}) == (snr_db == 10)


def test_a_held_note_is_not_noise() -> None:
    """There is no pause in it, and yet nothing but the tone."""
    held = next(melody for melody in melodies() if melody.key == "swell")
    tone = guide_tone(held, root_for(held, VOICES["tenor"]), RATE)[RATE : 3 * RATE]
    assert check_take(tone, RATE, "sung").snr_db > 40


@pytest.mark.parametrize("voice", ["bass", "soprano"])
def test_a_tone_that_is_not_cut_is_not_clipped(voice: str) -> None:
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
        (lambda audio: np.round(0.3 * np.clip(audio * 10, -1, 1) * 32768) / 32768, "clipped"),  # and turned down
        (lambda audio: np.clip(audio * 10, -2, 0.6), "clipped"),  # on one side
        (lambda audio: resample(resample(audio, RATE, 8000), 8000, RATE), "narrow_band"),
        (lambda audio: audio * 0, "silent"),
        (lambda audio: audio * 1e-4, "silent"),
        (lambda audio: np.pad(audio[2 * RATE : 2 * RATE + RATE // 4], RATE), "too_short"),
        (lambda audio: np.tile(audio, 4), "too_long"),
    ],
)
def test_what_is_wrong_is_named(song: takes.Samples, spoil: object, key: str) -> None:
    assert key in keys(spoil(song))  # type: ignore[operator]


def test_what_has_no_melody_is_not_sung() -> None:
    noise = np.random.default_rng(0).standard_normal(3 * RATE) * 0.05
    assert "not_pitched" in keys(noise)
    assert "not_pitched" not in keys(noise, "spoken")


@pytest.mark.parametrize("n", [0, 1, 400, 5000])
def test_next_to_nothing_is_an_answer(n: int) -> None:
    assert keys(np.zeros(n)) == {"silent"}
    assert "too_short" in keys(np.full(n, 0.5)) or n < 2 or "silent" in keys(np.full(n, 0.5))


def test_every_problem_has_a_text_with_a_way_out() -> None:
    numbers = {"seconds": 1.0, "level_dbfs": -50.0, "samples": 3.0, "snr_db": 9.0, "highest_hz": 4000.0}
    assert PROBLEMS.keys() == set(get_args(ProblemKey))
    for key in get_args(ProblemKey):
        assert "{" not in Problem(key, numbers).text()
    assert Problem("too_quiet", numbers).text() != Problem("silent").text()
    assert Problem("silent").text({"silent": "조용합니다"}) == "조용합니다"


# --- datasets ----------------------------------------------------------------------------------------------------


def write(path: Path, audio: np.ndarray) -> Path:
    with Writer(path, RATE) as writer:
        writer.write(audio.astype(np.float32))
    return path


def sung_tone(key: str) -> np.ndarray:
    melody = next(melody for melody in melodies() if melody.key == key)
    return guide_tone(melody, root_for(melody, VOICES["alto"]), RATE)


def test_a_folder_is_counted(tmp_path: Path, song: takes.Samples) -> None:
    write(tmp_path / "a" / "long.wav", np.tile(song, 4)[: 35 * RATE])
    write(tmp_path / "held.flac", sung_tone("held"))
    write(tmp_path / "silent.wav", np.zeros(RATE))
    write(tmp_path / ".hidden.wav", song)
    (tmp_path / "broken.wav").write_bytes(b"RIFF no sound at all, but bytes \xff\xfe")
    (tmp_path / "notes.txt").write_text("no recording")
    told = []

    def progress(items, *, title, total=None, unit="it"):  # type: ignore[no-untyped-def]
        for item in items:
            told.append((title, total, unit))
            yield item

    report = report_on(tmp_path, kind_of=lambda path: "sung" if path.name == "held.flac" else None, progress=progress)
    by_name = {one.path.name: one for one in report.recordings}
    assert list(by_name) == ["long.wav", "broken.wav", "held.flac", "silent.wav"]
    assert len(told) == 4 and told[0][1] == 4
    assert [one.path.name for one in report.failed] == ["broken.wav"]
    assert "broken.wav" in (by_name["broken.wav"].error or "")
    assert [one.path.name for one in report.with_problems] == ["silent.wav"]
    assert by_name["long.wav"].clips == 4 and by_name["silent.wav"].clips == 0
    assert report.clips() == 5 and report.clips("sung") >= 1
    assert report.seconds() == pytest.approx(35 + 8.2, abs=0.1)
    assert report.pitch is not None
    missing = report.missing()
    assert missing.sung_clips + missing.spoken_clips == 200 - 5
    assert missing.seconds == pytest.approx(300 - report.seconds())
    assert report.missing(Aim(0, 0, 10)).nothing


def test_pieces_are_measured_as_the_whole(tmp_path: Path, song: takes.Samples) -> None:
    """A file is heard in half minutes; a take that fits into one is heard the same way."""
    path = write(tmp_path / "song.flac", song)
    audio, _ = read(path)
    (one,) = report_on([path]).recordings
    assert one.report is not None
    assert one.report == check_take(audio, RATE, one.report.kind)


def test_song_and_speech_are_told_apart(tmp_path: Path) -> None:
    """Notes hold their pitch; a voice that speaks never does for long."""
    paths = [write(tmp_path / f"{key}.wav", sung_tone(key)) for key in ("held", "major", "triad", "twinkle")]
    assert {one.report.kind for one in report_on(paths).recordings if one.report} == {"sung"}
    seconds = np.arange(6 * RATE) / RATE
    pitch = 130 * 2 ** ((4 * np.sin(2 * np.pi * 1.3 * seconds) - 3 * (seconds % 1.5)) / 12)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    speech = sum(0.1 / k * np.sin(k * phase) for k in range(1, 20)) * (np.sin(2 * np.pi * 2 * seconds) > -0.3)
    (spoken,) = report_on([write(tmp_path / "speech.wav", speech)]).recordings
    assert spoken.report is not None and spoken.report.kind == "spoken"


def test_no_recordings_are_a_report(tmp_path: Path) -> None:
    report = report_on(tmp_path)
    assert report.recordings == () and report.pitch is None and report.missing().sung_clips == 50
