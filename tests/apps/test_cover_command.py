"""`svc cover`: names of the output files, printed text, and errors for wrong requests."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

import myna.conversion.converter
from myna.apps.cli import main
from myna.audio import io
from myna.errors import AssetError
from myna.song.separation import loading
from song.fakes import RATE, Middle, Parrot, song


@pytest.fixture(autouse=True)
def converter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Parrot:
    """Work in an empty folder, with `Parrot` as the converter and `Middle` as the separator."""
    parrot = Parrot(tmp_path / "voice.pth")
    monkeypatch.setattr(Parrot, "load", lambda *_arguments: parrot, raising=False)
    monkeypatch.setattr(myna.conversion.converter, "Converter", Parrot)
    monkeypatch.setattr(loading, "load_spleeter", lambda device: Middle())
    monkeypatch.setenv("MYNA_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return parrot


def record(name: str, music_level: float = 0.1) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(name, song(2, music_level=music_level).T, RATE)


def svc(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["cover", *arguments, "-m", "voice.pth", "-d", "cpu"])
    return int(ended.value.code or 0)


def files() -> set[str]:
    found = {path.as_posix() for path in Path().rglob("*") if path.is_file()}
    return {path for path in found if not path.startswith("cache/")} - {"voice.pth"}


@pytest.mark.parametrize(
    ("recording", "output", "expected"),
    [
        ("song.wav", None, "song.cover.wav"),
        ("song.mp3", None, "song.cover.mp3"),
        ("song.aiff", None, "song.cover.wav"),
        ("song.wav", "new/cover.m4a", "new/cover.m4a"),
        ("song.flac", "new/", "new/song.flac"),
    ],
)
def test_the_cover_is_beside_the_song_or_where_it_should_be(
    recording: str, output: str | None, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    record(recording)
    assert svc(recording, *(["-o", output] if output else [])) == 0
    assert files() == {recording, expected}
    printed = capsys.readouterr()
    assert printed.out.startswith("2.0 s of music in ") and f" s (fp32): {expected}. " in printed.out
    assert "device: cpu" in printed.err


def test_the_second_try_says_what_was_in_the_cache_and_json_has_all_facts(capsys: pytest.CaptureFixture[str]) -> None:
    record("song.wav")
    assert svc("song.wav", "--json") == 0
    (first,) = json.loads(capsys.readouterr().out)["covers"]
    assert (first["input"], first["output"], first["reused"], first["stems"]) == ("song.wav", "song.cover.wav", [], {})
    assert first["mix"]["placement"]["pan_degrees"] == pytest.approx(0, abs=1)
    assert svc("song.wav", "--vocals-db", "-3", "--reverb", "0.2", "--stems", "stems") == 0
    assert "Already in the cache: separation, conversion" in capsys.readouterr().out
    names = ("vocals", "converted", "reverb", "accompaniment", "mix")
    assert files() == {"song.wav", "song.cover.wav", *(f"stems/song.{name}.wav" for name in names)}


def test_options_of_the_conversion_reach_it(converter: Parrot) -> None:
    record("song.wav")
    assert svc("song.wav", "-t", "-5", "--transpose-all", "12", "--no-cache") == 0
    assert converter.asked[-1].transpose == 7
    assert not Path("cache").exists()


def test_surround_sound_is_remarked(capsys: pytest.CaptureFixture[str]) -> None:
    soundfile.write("song.wav", np.pad(song(2), ((0, 4), (0, 0))).T, RATE)
    assert svc("song.wav") == 0
    assert "Its 6 channels are mixed to stereo" in capsys.readouterr().out
    assert io.info("song.cover.wav").n_channels == 2


def test_a_missing_separator_is_reported_once_before_any_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def absent(name: str, device: str) -> Middle:
        raise AssetError(f"{name} cannot be downloaded")

    monkeypatch.setattr(loading, "load_separator", absent)
    for name in ("a.wav", "b.wav"):
        record(name)
    assert svc("a.wav", "b.wav", "--separator", "scnet") == 6
    assert capsys.readouterr().err.splitlines()[1:] == ["svc: scnet cannot be downloaded"]
    assert svc("a.wav", "--vocals", "a.wav", "--accompaniment", "b.wav", "--separator", "scnet") == 0
    assert files() == {"a.wav", "b.wav", "a.cover.wav"}


def test_songs_after_a_failed_one_are_made(capsys: pytest.CaptureFixture[str]) -> None:
    record("a.wav")
    Path("b.wav").write_text("la la la")
    record("c.wav", music_level=0.0)
    assert svc("a.wav", "b.wav", "c.wav") == 4
    assert files() == {"a.wav", "b.wav", "c.wav", "a.cover.wav", "c.cover.wav"}
    printed = capsys.readouterr()
    assert "c.cover.wav: It is a voice without music, so nothing was separated" in printed.out
    assert printed.err.splitlines()[-1] == "svc: 1 of 3 covers were not made: b.wav"
    assert "svc: b.wav is text, not audio" in printed.err


def test_a_folder_is_sung_without_its_results() -> None:
    for name in ("songs/a.wav", "songs/a.cover.wav", "songs/b.out.wav"):
        record(name)
    assert svc("songs", "-o", "sung") == 0
    assert {path for path in files() if path.startswith("sung")} == {"sung/a.wav"}


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["nowhere.wav"], 4, "there is no file nowhere.wav"),
        (["song.wav", "--vocals", "nowhere.wav"], 4, "there is no file nowhere.wav"),
        (["song.wav", "other.wav", "--vocals", "song.wav"], 5, "make the cover of each song alone"),
        (["song.wav", "--vocals", "short.wav"], 4, "short.wav does not fit song.wav: it has 1.00 s, the song 2.00 s"),
        (["song.wav", "-o", "song.wav"], 4, "the cover would overwrite song.wav"),
        (["song.wav", "more/song.wav", "--stems", "s", "-o", "o"], 5, "would both become"),
        (["song.wav", "more/song.wav", "--stems", "s"], 5, "would both have the stem"),
        (["song.wav", "--stems", "song.wav"], 5, "song.wav is a file"),
        (["song.wav", "--separator", "magic"], 5, "no separator 'magic'; there are: spleeter"),
        (["song.wav", "--reverb", "2"], 2, "reverb must be between 0 and 1; got 2"),
        (["song.wav", "--transpose-all", "30", "-t", "10"], 5, "transpose must be between -36 and 36"),
        (["music.wav"], 4, "music.wav has hardly any vocals"),
        (["silence.wav"], 4, "silence.wav is silent"),
        (["song.wav", "-o", "cover.xyz"], 4, "its name must end in one of"),
    ],
)
def test_wrong_requests_get_one_line_and_leave_nothing(
    arguments: list[str], status: int, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("song.wav", "other.wav", "more/song.wav"):
        record(name)
    soundfile.write("short.wav", song(1).T, RATE)
    soundfile.write("silence.wav", np.zeros((RATE, 2)), RATE)
    soundfile.write("music.wav", (song(2, music_level=0.3) - song(2, music_level=0.0)).T, RATE)
    before = files()
    assert svc(*arguments) == status
    assert reason in capsys.readouterr().err.splitlines()[-1]
    assert files() == before


def test_the_sound_of_a_film_keeps_its_place_in_time() -> None:
    """The sound begins half a second after the picture; the cover begins with the picture."""
    import av

    with av.open("film.mp4", "w") as container:
        picture = container.add_stream("mpeg4", rate=10, width=32, height=32)
        picture.pix_fmt = "yuv420p"
        sound = container.add_stream("aac", rate=RATE, layout="stereo")
        for number in range(30):
            frame = av.VideoFrame(32, 32, "yuv420p")
            frame.pts = number
            container.mux(picture.encode(frame))
        audio = av.AudioFrame.from_ndarray(song(2), format="fltp", layout="stereo")
        audio.sample_rate, audio.pts = RATE, RATE // 2
        container.mux([*picture.encode(None), *sound.encode(audio), *sound.encode(None)])
    assert svc("film.mp4", "-o", "film.flac") == 0
    sung, rate = io.read("film.flac", mono=False)
    assert sung.shape[1] / rate == pytest.approx(2.5, abs=0.1)
    assert np.abs(sung[:, : round(0.4 * rate)]).max() < 0.01 < np.abs(sung[:, round(0.6 * rate) : rate]).max()
