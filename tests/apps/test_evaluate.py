"""`svc evaluate` pairs files, measures, writes reports, and continues after a bad file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from myna.apps.cli import main

RATE = 16000
PITCH_ONLY = ["--no-similarity", "--no-words", "--no-quality"]


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Two songs and their conversions, five semitones up."""
    times = np.arange(2 * RATE) / RATE
    for name, start_hz in (("low", 150), ("high", 300)):
        for folder, suffix, shift in (("songs", ".flac", 0), ("out", ".out.wav", 5)):
            (tmp_path / folder).mkdir(exist_ok=True)
            f0 = start_hz * 2 ** (times / 8 + np.sin(2 * np.pi * 5 * times) / 40 + shift / 12)
            phase = 2 * np.pi * np.cumsum(f0) / RATE
            swell = 0.2 + 0.1 * np.sin(2 * np.pi * times)
            voice = sum(np.sin(number * phase) / number for number in range(1, 8))
            soundfile.write(tmp_path / folder / f"{name}{suffix}", 0.5 * swell * voice, RATE)
    return tmp_path


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", *map(str, arguments)])
    return int(stopped.value.code or 0)


def test_folders_are_measured_and_written(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report, numbers = folders / "report.html", folders / "numbers" / "out.json"
    code = run(folders / "out", "--source", folders / "songs", "--report", report, "--json", numbers, *PITCH_ONLY)
    assert code == 0
    output = capsys.readouterr().out
    assert "low.out.wav" in output and "pitch correlation" in output and f"Listen and look: {report}" in output
    values = json.loads(numbers.read_text(encoding="utf-8"))
    assert [file["transpose"] for file in values["files"]] == [5, 5]
    assert values["summary"]["f0_close"]["converted"] > 0.98
    assert report.stat().st_size > 10_000


def test_the_shift_can_be_given(folders: Path) -> None:
    numbers = folders / "out.json"
    converted = folders / "out" / "low.out.wav"
    assert run(converted, "--source", folders / "songs", "-t", "4", "--json", numbers, *PITCH_ONLY) == 0
    values = json.loads(numbers.read_text(encoding="utf-8"))
    assert values["summary"]["f0_rmse_cents"]["converted"] == pytest.approx(100, abs=10)


def test_a_batch_continues_after_bad_files_and_names_them(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folders / "songs" / "text.wav").write_text("these are words")
    (folders / "out" / "text.out.wav").write_text("these are words")
    (folders / "out" / "low.out.wav").rename(folders / "out" / "stray.out.wav")
    assert run(folders / "out", "--source", folders / "songs", *PITCH_ONLY) == 4
    captured = capsys.readouterr()
    assert "high.out.wav" in captured.out
    last = captured.err.strip().splitlines()[-1]
    assert last.startswith("svc: 2 not evaluated: ")
    assert "stray.out.wav: no source is named stray" in last and "text.wav is text, not audio" in last


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["empty", "--source", "songs"], "no audio files in empty"),
        (["out", "--source", "empty"], "no audio files in empty"),
        (["out", "--source", "songs", "--target", "absent"], "no file or folder absent"),
        (["out/low.out.wav", "out/high.out.wav", "--source", "other.wav"], "no conversion has a source"),
        (["out/low.out.wav", "--source", "songs", "--report", "songs/low.flac/x.html"], "cannot write"),
    ],
)
def test_errors_are_one_line(
    folders: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(folders)
    Path("empty").mkdir()
    soundfile.write("other.wav", np.zeros(RATE), RATE)
    assert run(*arguments, *PITCH_ONLY) == 4
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("svc:")]
    assert len(lines) == 1 and message in lines[0]
