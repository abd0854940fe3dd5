"""Dataset checks count recordings, clips and seconds, and distinguish song from speech."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from myna.audio.io import Writer, read
from myna.studio import takes
from myna.studio.dataset import Aim, report_on
from myna.studio.prompts import VOICES, guide_tone, melodies, root_for
from myna.studio.takes import check_take

RATE = 44100
SONG = Path(takes.__file__).parents[1] / "voices" / "song.flac"


@pytest.fixture(scope="module")
def song() -> takes.Samples:
    """Ten seconds of a real recording."""
    audio, _ = read(SONG, RATE)
    return audio[: 10 * RATE]


def write(path: Path, audio: np.ndarray) -> Path:
    with Writer(path, RATE) as writer:
        writer.write(audio.astype(np.float32))
    return path


def sung_tone(key: str) -> np.ndarray:
    melody = next(melody for melody in melodies() if melody.key == key)
    return guide_tone(melody, root_for(melody, VOICES["alto"]), RATE)


def test_all_recordings_of_a_folder_are_counted(tmp_path: Path, song: takes.Samples) -> None:
    write(tmp_path / "a" / "long.wav", np.tile(song, 4)[: 35 * RATE])
    write(tmp_path / "held.flac", sung_tone("held"))
    write(tmp_path / "silent.wav", np.zeros(RATE))
    write(tmp_path / ".hidden.wav", song)
    (tmp_path / "broken.wav").write_bytes(b"RIFF no sound at all, but bytes \xff\xfe")
    (tmp_path / "notes.txt").write_text("no recording")
    reported = []

    def progress(items, *, title, total=None, unit="it"):  # type: ignore[no-untyped-def]
        for item in items:
            reported.append((title, total, unit))
            yield item

    report = report_on(tmp_path, kind_of=lambda path: "sung" if path.name == "held.flac" else None, progress=progress)
    by_name = {one.path.name: one for one in report.recordings}
    assert list(by_name) == ["long.wav", "broken.wav", "held.flac", "silent.wav"]
    assert len(reported) == 4 and reported[0][1] == 4
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


def test_a_file_is_measured_like_a_take(tmp_path: Path, song: takes.Samples) -> None:
    """A file is read in blocks of half a minute; a single block gives the same report as a take."""
    path = write(tmp_path / "song.flac", song)
    audio, _ = read(path)
    (one,) = report_on([path]).recordings
    assert one.report is not None
    assert one.report == check_take(audio, RATE, one.report.kind)


def test_song_and_speech_are_distinguished(tmp_path: Path) -> None:
    """The pitch of notes is steady; that of speech is not."""
    paths = [write(tmp_path / f"{key}.wav", sung_tone(key)) for key in ("held", "major", "triad", "twinkle")]
    assert {one.report.kind for one in report_on(paths).recordings if one.report} == {"sung"}
    seconds = np.arange(6 * RATE) / RATE
    pitch = 130 * 2 ** ((4 * np.sin(2 * np.pi * 1.3 * seconds) - 3 * (seconds % 1.5)) / 12)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    speech = sum(0.1 / k * np.sin(k * phase) for k in range(1, 20)) * (np.sin(2 * np.pi * 2 * seconds) > -0.3)
    (spoken,) = report_on([write(tmp_path / "speech.wav", speech)]).recordings
    assert spoken.report is not None and spoken.report.kind == "spoken"


def test_an_empty_folder_gives_an_empty_report(tmp_path: Path) -> None:
    report = report_on(tmp_path)
    assert report.recordings == () and report.pitch is None and report.missing().sung_clips == 50
