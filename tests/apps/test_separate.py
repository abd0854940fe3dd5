"""`svc separate`: where the stems go, what is printed, and what an interruption leaves."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

import processes
from myna.apps.cli import main
from myna.song.separation import loading

RATE = 44100


class Left:
    """Separator for which the left channel is vocals and the right one accompaniment."""

    name = identity = "left"
    sample_rate = RATE

    def __init__(self, device: str) -> None:
        assert device == "cpu"

    def vocals(self, song: Iterable[np.ndarray], n_samples: int) -> Iterator[np.ndarray]:
        for block in song:
            yield block * np.array([[1], [0]], np.float32)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, with `Left` as the separator."""
    monkeypatch.setattr(loading, "load_spleeter", Left)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def record(path: str, left: float = 0.1, right: float = 0.1, n_channels: int = 2, seconds: float = 1.0) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    tone = np.sin(np.arange(round(seconds * RATE)) / 20)
    soundfile.write(path, np.stack([left * tone, right * tone, *[0 * tone] * (n_channels - 2)], axis=1), RATE)


def svc(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["separate", *arguments, "-d", "cpu"])
    return int(ended.value.code or 0)


def files() -> set[str]:
    return {path.as_posix() for path in Path().rglob("*") if path.is_file()}


def test_the_stems_are_beside_the_song_and_the_last_line_names_the_next_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    record("my song.wav")
    assert svc("my song.wav") == 0
    assert files() == {"my song.wav", "my song.vocals.wav", "my song.accompaniment.wav"}
    (line,) = capsys.readouterr().out.splitlines()
    assert "1.0 s of music in" in line and "my song.vocals.wav, my song.accompaniment.wav. " in line
    assert line.endswith("Sing it in another voice: svc infer 'my song.vocals.wav' -m VOICE")


def test_several_songs_are_separated_into_one_folder(capsys: pytest.CaptureFixture[str]) -> None:
    record("a.flac")
    record("b/c.ogg")
    assert svc("a.flac", "b/c.ogg", "-o", "new/stems", "--separator", "spleeter") == 0
    stems = {f"new/stems/{name}.{stem}.wav" for name in "ac" for stem in ("vocals", "accompaniment")}
    assert files() == {"a.flac", "b/c.ogg"} | stems
    assert "a.accompaniment.wav and 2 files more. " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("levels", "remark", "sung"),
    [
        ((0.0, 0.1), "song.wav: Hardly any vocals", None),
        ((0.1, 0.0), "song.wav: Hardly any accompaniment", "song.wav"),
        ((0.1, 0.1), None, "song.vocals.wav"),
    ],
)
def test_a_song_without_vocals_or_accompaniment_is_remarked(
    levels: tuple[float, float], remark: str | None, sung: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    record("song.wav", *levels)
    assert svc("song.wav") == 0
    *remarks, last = capsys.readouterr().out.splitlines()
    assert len(remarks) == (remark is not None) and all(one.startswith(str(remark)) for one in remarks)
    assert last.endswith(f"svc infer {sung} -m VOICE") if sung else "svc infer" not in last


def test_surround_sound_is_mixed_to_stereo_and_remarked(capsys: pytest.CaptureFixture[str]) -> None:
    record("song.wav", n_channels=6)
    assert svc("song.wav") == 0
    assert capsys.readouterr().out.startswith("song.wav: Its 6 channels are mixed to stereo.\n")
    assert soundfile.info("song.vocals.wav").channels == 2


def test_a_batch_continues_after_a_bad_file(capsys: pytest.CaptureFixture[str]) -> None:
    record("a.wav")
    record("b.wav", 0, 0)
    Path("c.wav").write_text("these are the lyrics")
    assert svc("b.wav", "a.wav", "c.wav", "--json") == 4
    report = json.loads(capsys.readouterr().out)
    (done,) = report["separated"]
    assert (done["input"], done["vocals"], done["accompaniment"]) == ("a.wav", "a.vocals.wav", "a.accompaniment.wav")
    assert (done["sample_rate"], done["n_channels"], done["seconds"]) == (RATE, 2, 1)
    assert done["levels"]["vocals_db"] == pytest.approx(-3, abs=0.2)
    assert [one["input"] for one in report["failed"]] == ["b.wav", "c.wav"]
    assert report["error"]["message"] == "2 of 3 songs were not separated: b.wav, c.wav"
    assert "a.vocals.wav" in files() and "b.vocals.wav" not in files()


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["absent.wav"], 4, "no file absent.wav"),
        (["silent.wav"], 4, "silent.wav is silent"),
        (["songs"], 4, "songs is a folder; name the songs in it"),
        (["song.wav", "other/song.mp3", "-o", "stems"], 5, "song.wav and other/song.mp3 would both become"),
        (["song.wav", "-o", "song.wav"], 5, "-o song.wav is a file"),
        (["silent.wav", "done.wav"], 5, "done.accompaniment.wav exists already; delete it"),
        (["song.wav", "--separator", "umx"], 5, "no separator 'umx'; there are: spleeter, bs-roformer, "),
    ],
)
def test_errors_are_one_line_before_any_work(
    arguments: list[str], status: int, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    record("song.wav")
    record("silent.wav", 0, 0)
    Path("songs").mkdir()
    Path("done.accompaniment.wav").touch()
    before = files()
    assert svc(*arguments) == status
    printed = capsys.readouterr().err.splitlines()
    assert reason in printed[-1] and printed[-1].startswith("svc: ")
    assert files() == before


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such signals")
def test_ctrl_c_leaves_nothing(folder: Path) -> None:
    """Of the process with the real network, interrupted when both stems are open."""
    record("song.flac", seconds=300)
    command = [sys.executable, "-m", "myna", "separate", "song.flac", "-d", "cpu"]
    with processes.started(command, stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + 90
        while len(list(folder.glob(".myna-*"))) < 2 and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert [path.name for path in folder.iterdir()] == ["song.flac"]
