"""The three commands of preparation: their files and their output."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from myna.apps.cli import main
from myna.config import Config


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def record(path: str, seconds: float = 1.0) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    t = np.arange(round(seconds * 44100)) / 44100
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 220 * t), 44100)


def svc(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(arguments))
    return int(left.value.code or 0)


def test_preparation_needs_no_options(capsys: pytest.CaptureFixture[str]) -> None:
    for i in range(6):
        record(f"dataset_raw/안나/{i}.wav")
    assert svc("pre-resample") == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("6 clips, 0.1 minutes, of 1 speaker in ") and last.endswith("Next: svc pre-config")
    assert svc("pre-config") == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert "1 speaker (안나), 4 clips for training and 2 for validation, 0.1 minutes" in last
    assert last.endswith("Next: svc pre-hubert")
    assert Config.read("configs/44k/config.json").speakers == {"안나": 0}
    assert len(Path("filelists/44k/train.txt").read_text(encoding="utf-8").splitlines()) == 4


def test_a_batch_continues_after_a_bad_file_and_ends_with_the_status_of_a_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    record("dataset_raw/anna/good.wav")
    Path("dataset_raw/anna/bad.wav").write_text("I am no sound at all")
    Path("dataset_raw/Thumbs.db").touch()
    assert svc("pre-resample") == 4
    said = capsys.readouterr()
    assert "1 clip, 0.0 minutes, of 1 speaker" in said.out
    assert "bad.wav is text, not audio" in said.err
    assert "Thumbs.db lies beside the speakers' folders" in said.err
    assert (
        said.err.splitlines()[-1] == "svc: 1 of 2 recordings cannot be used; see dataset/44k/pre-resample.refused.txt"
    )
    Path("dataset/44k/anna/worse.wav").write_text("nor am I")
    assert svc("pre-config") == 4
    assert (
        capsys.readouterr().err.splitlines()[-1] == "svc: 1 clip cannot be read; see dataset/44k/pre-config.refused.txt"
    )


def test_flags_of_the_predecessors_are_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    record("raw/anna/a.wav")
    resample = "pre-resample -i raw -o clips -s 22050 -n 1 -d 25 -f 0.5 -hop 0.1"
    assert svc(*resample.split()) == 0
    assert capsys.readouterr().out.strip().endswith("Next: svc pre-config -i clips")
    assert soundfile.info("clips/anna/a.wav").samplerate == 22050
    configure = "pre-config -i clips -f lists -c my/config.json -t so-vits-svc-4.0v1-legacy"
    assert svc(*configure.split()) == 0
    assert capsys.readouterr().out.strip().endswith("Next: svc pre-hubert -i clips -c my/config.json")
    assert Config.read("my/config.json").data.training_files == "lists/train.txt"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("pre-resample -mc 0.5", "max_clip_seconds must be 0 or at least 1"),
        ("pre-resample -s 100", "sample_rate must be between 8000 and 192000"),
        ("pre-config -t so-vits-svc-5", "there are: so-vits-svc-4.0v1, "),
        ("pre-hubert", "configs/44k/config.json"),
        ("pre-hubert -fm yin", "'swift'"),
    ],
)
def test_wrong_values_are_refused_with_the_valid_ones(
    arguments: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert svc(*arguments.split()) in (2, 5)
    assert message in capsys.readouterr().err
