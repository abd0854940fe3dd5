"""`svc --help` is instant, and errors are one line."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np
import pytest
import soundfile

import processes
from myna.apps.cli import COMMANDS, main, svc

HEAVY = ("torch", "transformers", "scipy", "onnxruntime", "tensorboard", "lightning_fabric", "soundfile", "av")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return processes.run([sys.executable, "-m", "myna", *arguments])


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_for_every_parameter(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([name, "--help"])
    assert left.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(f"Usage: svc {name}")
    command = svc.get_command(click.Context(svc), name)
    assert command is not None
    for parameter in command.params:
        assert isinstance(parameter, click.Argument) or parameter.help, f"{name} {parameter.name} explains nothing"


def test_help_loads_nothing_heavy() -> None:
    """Help takes under half a second; loading torch alone would take two."""
    script = f"""
import contextlib, io, sys
from myna.apps.cli import COMMANDS, main
for arguments in (["--help"], *([name, "--help"] for name in COMMANDS)):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        main(list(arguments))
    found = set({HEAVY}) & set(sys.modules)
    if found:
        sys.exit(f"{{arguments}} loads {{found}}")
"""
    done = processes.run([sys.executable, "-c", script])
    assert done.returncode == 0, done.stderr


def test_python_m_myna_is_svc() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "Usage: svc" in done.stdout
    assert [name for name in COMMANDS if name not in done.stdout] == []


def test_an_error_is_one_line_and_the_exit_code_of_its_kind() -> None:
    done = run("pre-resample", "-i", "nowhere at all")
    assert (done.returncode, done.stdout) == (4, "")
    assert (
        done.stderr.splitlines()
        == [
            "svc: there are no recordings in nowhere at all; "
            "put recordings into nowhere at all/NAME/any.wav, one folder for each speaker"
        ]
        or sys.platform == "win32"
    )


def test_a_mistyped_command_suggests_the_right_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["pre-resampel"])
    assert left.value.code == 2
    assert "no command 'pre-resampel'; did you mean 'pre-resample'?" in capsys.readouterr().err


def test_a_mistyped_option_suggests_the_right_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["pre-config", "--filelist-pat", "lists"])
    assert left.value.code == 2
    assert "--filelist-path" in capsys.readouterr().err


def test_verbose_shows_the_traceback() -> None:
    done = run("-v", "pre-config", "-i", "nowhere")
    assert done.returncode == 4
    assert "Traceback" in done.stderr
    assert "Traceback" not in run("pre-config", "-i", "nowhere").stderr


def test_sigterm_leaves_no_partial_file(tmp_path: Path) -> None:
    tone = np.sin(2 * np.pi * 220 * np.arange(120 * 16000) / 16000)
    soundfile.write(tmp_path / "song.flac", 0.1 * tone, 16000)
    command = [sys.executable, "-m", "myna", "infer", "song.flac", "-m", "joe", "-mc", "5"]
    with processes.started(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as process:
        while not list(tmp_path.glob(".*.part")):
            assert process.poll() is None
            time.sleep(0.02)
        process.terminate()
        assert process.wait(60) == 128 + signal.SIGTERM
    assert [path.name for path in tmp_path.iterdir()] == ["song.flac"]
