"""Every command has one exit code for each kind of error, and with --json prints exactly one JSON object."""

from __future__ import annotations

import json
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import soundfile

import processes
from myna.apps import cli
from myna.apps.cli import COMMANDS, main, svc
from myna.apps.cli.result import Result, ResultCommand, plain
from myna.config import PitchRange
from myna.errors import (
    EXIT_CODES,
    AssetError,
    AudioError,
    BusyError,
    CheckpointError,
    ConfigError,
    DeviceError,
    FileError,
    MissingExtraError,
    MynaError,
    TooLittleMemoryError,
    TrainingError,
    merged,
    understood,
)

SOURCES = Path(cli.__file__).parents[2]
KINDS = {
    FileError: ("file", 4),
    AudioError: ("audio", 4),
    CheckpointError: ("checkpoint", 4),
    ConfigError: ("config", 5),
    AssetError: ("asset", 6),
    BusyError: ("busy", 3),
    MissingExtraError: ("missing_extra", 7),
    DeviceError: ("device", 8),
    TooLittleMemoryError: ("memory", 8),
    TrainingError: ("training", 9),
}
WITHOUT_RESULT = {"gui", "completion"}  # one runs until it is stopped, the other prints a script


def subclasses(kind: type[MynaError]) -> Iterator[type[MynaError]]:
    for one in kind.__subclasses__():
        yield one
        yield from subclasses(one)


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, list[str]]:
    with pytest.raises(SystemExit) as left:
        main(list(map(str, arguments)))
    printed = capsys.readouterr()
    return int(left.value.code or 0), printed.out, printed.err.splitlines()


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """A command `svc voices` that runs a function instead."""

    def install(function: Callable[[], Any]) -> None:
        replaced = ResultCommand("voices", callback=function)
        monkeypatch.setattr(cli._LazyGroup, "get_command", lambda self, context, name: replaced)

    return install


# Exit codes


def test_every_kind_of_error_has_an_exit_code() -> None:
    assert {kind: (kind.code, kind.exit_code) for kind in KINDS} == KINDS
    for kind in subclasses(MynaError):
        assert kind.exit_code in EXIT_CODES and kind.exit_code not in (0, 1, 2), kind


def test_no_error_is_raised_without_a_kind() -> None:
    for path in sorted(SOURCES.rglob("*.py")):
        if "gui" not in path.parts:  # the page reports no exit code
            assert not re.search(r"raise MynaError\(", path.read_text("utf-8")), path


@pytest.mark.parametrize("kind", KINDS)
def test_a_command_ends_with_the_code_of_its_error(
    kind: type[MynaError],
    command: Callable[[Callable[[], Any]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        raise kind("it is broken")

    command(fail)
    line = str(kind("it is broken"))
    assert run(capsys, "voices") == (kind.exit_code, "", [f"svc: {line}"])
    code, out, said = run(capsys, "voices", "--json")
    assert (code, said) == (kind.exit_code, [f"svc: {line}"])
    assert json.loads(out) == {"error": {"code": kind.code, "message": line}}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(28, "No space left on device", "a.wav"), 4),
        (PermissionError(13, "Permission denied", "a.wav"), 4),
        (MemoryError(), 8),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), 8),
        (SystemExit(143), 143),
    ],
)
def test_errors_of_the_system_have_their_codes(
    error: BaseException,
    code: int,
    command: Callable[[Callable[[], Any]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        raise error

    command(fail)
    found, out, _ = run(capsys, "voices", "--json")
    assert found == code and set(json.loads(out)) == {"error"}


def test_a_defect_keeps_its_traceback_and_is_json(
    command: Callable[[Callable[[], Any]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    command(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["voices", "--json"])
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "defect"


@pytest.mark.parametrize(
    "arguments",
    [["infer", "--json"], ["pack", "--jsn", "--json"], ["mix", "a", "b", "-o", "c", "--share", "7", "--json"]],
)
def test_a_wrong_command_line_is_json_too(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, said = run(capsys, *arguments)
    assert code == 2 and said[0].startswith("Usage: svc")
    assert json.loads(out)["error"]["code"] == "usage"


def test_ctrl_c_ends_with_130(tmp_path: Path) -> None:
    tone = np.sin(2 * np.pi * 220 * np.arange(120 * 16000) / 16000)
    soundfile.write(tmp_path / "song.flac", 0.1 * tone, 16000)
    line = [sys.executable, "-m", "myna", "infer", "song.flac", "-m", "joe", "-mc", "5", "--json"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with processes.started(line, cwd=tmp_path, text=True, **pipes) as process:
        while not list(tmp_path.glob(".*.part")):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=60)
    assert process.returncode == 130 and said.splitlines()[-1] == "svc: interrupted"
    assert json.loads(out) == {"error": {"code": "interrupted", "message": EXIT_CODES[130]}}


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such signal")
def test_a_reader_that_ends_is_no_defect() -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "myna", "voices"], stdout=write, stderr=subprocess.PIPE, text=True, check=False
        )
    finally:
        os.close(write)
    assert done.returncode == 141 and "Traceback" not in done.stderr and "Broken" not in done.stderr


def test_errors_survive_a_worker_process() -> None:
    for kind in KINDS:
        error = pickle.loads(pickle.dumps(kind("one", "two") if kind is MissingExtraError else kind("one")))
        assert type(error) is kind and "one" in str(error)


def test_several_failures_have_one_kind() -> None:
    assert type(merged([AudioError("a"), AudioError("b")], "both")) is AudioError
    assert type(merged([AudioError("a"), MissingExtraError("b", "c")], "both")) is FileError
    assert str(merged([MissingExtraError("b", "c")], "one")) == "one"
    assert understood(ValueError()) is None


# JSON


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in WITHOUT_RESULT])
def test_every_command_prints_json(name: str) -> None:
    found = svc.get_command(click.Context(svc), name)
    assert isinstance(found, ResultCommand)
    assert [one.opts for one in found.params if "--json" in one.opts] == [["--json"]]


def test_a_partial_failure_is_in_the_object_of_the_result(
    command: Callable[[Callable[[], Any]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    command(lambda: Result({"done": ["a"]}, "a is done", AudioError("b is text")))
    assert run(capsys, "voices") == (4, "a is done\n", ["svc: b is text"])
    code, out, _ = run(capsys, "voices", "--json")
    assert (code, json.loads(out)) == (4, {"done": ["a"], "error": {"code": "audio", "message": "b is text"}})


def test_values_become_json() -> None:
    pitch = PitchRange(median_hz=200, low_hz=100, high_hz=300)
    values = plain({"pitch": pitch, "path": Path("a"), "share": float("nan"), "both": (1, {"b"}), 3: None})
    assert values == {
        "pitch": {"median_hz": 200, "low_hz": 100, "high_hz": 300},
        "path": "a",
        "share": None,
        "both": [1, ["b"]],
        "3": None,
    }


@pytest.mark.timeout(300)
def test_each_command_from_recordings_to_a_song_prints_one_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    t = np.arange(3 * 22050) / 22050
    tone = sum(0.1 * np.sin(2 * np.pi * 150 * k * t) / k for k in range(1, 12))
    Path("dataset_raw/anna").mkdir(parents=True)
    for number in range(3):
        soundfile.write(f"dataset_raw/anna/{number}.wav", tone, 22050)
    soundfile.write("song.wav", tone, 22050)

    def result(*arguments: str) -> Any:
        code, out, said = run(capsys, *arguments, "--json")
        assert code == 0, said
        return json.loads(out)

    assert result("pre-resample", "-n", "1")["n_clips"] == 3
    written = result("pre-config", "-t", "myna-lite")
    assert (written["path"], written["config"]["spk"]) == (str(Path("configs/44k/config.json")), {"anna": 0})
    assert set(result("pre-hubert", "-n", "1", "-fm", "dio")["pitch"]["anna"]) == {"median_hz", "low_hz", "high_hz"}
    trained = result("train", "--max-steps", "1", "-d", "cpu")
    assert (trained["steps"], trained["path"], trained["complete"]) == (1, str(Path("logs/44k/G_1.pth")), True)
    assert result("train", "--max-steps", "1", "-d", "cpu")["path"] is None
    assert result("train-index")["path"] == str(Path("logs/44k/index.safetensors"))
    assert result("train-cluster", "-n", "2")["sizes"] == {"anna": 2}
    packed = result("pack", "-o", "anna.safetensors", "--release")
    assert (packed["path"], packed["index"]) == ("anna.safetensors", str(Path("logs/44k/index.safetensors")))
    assert set(result("unpack", "anna.safetensors")) == {"weights", "config", "retrieval", "card", "vocoder"}
    assert result("mix", "joe", "joe", "-o", "both.safetensors") == {"path": "both.safetensors"}
    (shown,) = result("inspect", "anna.safetensors")["files"]
    assert shown["speakers"] == ["anna"] and shown["sings"]
    assert "joe" in result("voices")
    (sung,) = result("infer", "song.wav", "-m", "anna.safetensors", "-fm", "dio", "-d", "cpu")["converted"]
    assert sung["output"] == "song.out.wav" and sung["seconds"] == pytest.approx(3)
    measured = result(
        "evaluate", "song.out.wav", "--source", "song.wav", "--no-similarity", "--no-words", "--no-quality"
    )
    assert measured["files"][0]["converted"] == "song.out.wav" and measured["summary"]
    shown = result("demo", "song.wav", "-m", "anna.safetensors", "-d", "cpu")
    assert Path(shown["picture"]).is_file() and shown["evaluation"]["summary"] and shown["summary"]["n_slices"] > 0
