"""The whole pipeline through its commands: recordings, clips, features, training, conversion; the README's Python."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file

from myna.apps.cli import svc
from myna.config import Config
from myna.features.content import CONTENT_ENCODERS
from myna.features.content.whisper import WhisperDimensions, WhisperEncoder
from myna.models.discriminators.waveform import WaveformDiscriminators
from myna.models.families import DISCRIMINATORS
from myna.storage import checkpoint

ROOT = Path(__file__).parents[1]
RATE = 22050
SEMITONES = np.array([0, 2, 4, 5])


def run(*arguments: str) -> None:
    svc.main(list(arguments), standalone_mode=False)


def sung(seconds: float, hz: float) -> np.ndarray:
    """A scale with harmonics."""
    t = np.arange(round(seconds * RATE)) / RATE
    notes = hz * 2 ** (SEMITONES[(t / seconds * len(SEMITONES)).astype(int)] / 12)
    phase = 2 * np.pi * np.cumsum(notes) / RATE
    return 0.1 * sum(np.sin(k * phase) / k for k in range(1, 9))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder after preparation and training."""
    folder = tmp_path_factory.mktemp("line")
    torch.manual_seed(0)
    dimensions = WhisperDimensions(n_mels=80, channels=CONTENT_ENCODERS["whisper-tiny"].channels, n_layers=1)
    weights = WhisperEncoder(dimensions).state_dict()
    (folder / "assets").mkdir()
    save_file(
        {f"model.encoder.{name}": t for name, t in weights.items()}, folder / "assets/whisper-tiny-encoder.safetensors"
    )

    for name, hz in (("Björk", 330.0), ("anna", 220.0)):
        speaker = folder / "dataset_raw" / name
        speaker.mkdir(parents=True)
        for take in range(4):
            soundfile.write(speaker / f"take {take}.flac", sung(1.2, hz * (1 + take / 50)), RATE)
    soundfile.write(folder / "song.wav", sung(2.03, 262.0), RATE)

    template = json.loads((ROOT / "examples" / "small.json").read_text("utf-8"))
    template["model"] |= {"hidden_channels": 16, "inter_channels": 16, "filter_channels": 16, "n_layers": 1}
    template["model"] |= {"upsample_initial_channel": 32, "gin_channels": 8}
    template["train"] |= {"num_workers": 0, "batch_size": 2, "eval_interval": 2}
    (folder / "template.json").write_text(json.dumps(template), "utf-8")

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MYNA_ASSETS", "assets")
        patch.setitem(DISCRIMINATORS, "waveform", lambda data: WaveformDiscriminators(width=256))
        run("pre-resample", "-n", "1")
        run("pre-config", "-t", "template.json", "--content-encoder", "whisper-tiny")
        run("pre-hubert", "-fm", "dio")
        run("train", "--from-scratch", "--max-steps", "2", "--device", "cpu")
        run("train", "--max-steps", "4", "--device", "cpu")
    return folder


def test_the_configuration_has_both_speakers_and_their_pitch(folder: Path) -> None:
    config = Config.read(folder / "logs" / "44k" / "config.json")
    assert config.speakers == {"Björk": 0, "anna": 1}
    assert 220 < config.pitch["anna"].median_hz < 300 < config.pitch["Björk"].median_hz < 450


def test_training_resumed_from_its_checkpoint(folder: Path) -> None:
    newest = checkpoint.latest(folder / "logs" / "44k")
    assert newest is not None and newest.name == "G_2.pth"  # six clips in batches of two are three steps an epoch
    assert checkpoint.read(newest).extra["step"] == 4


def test_the_song_keeps_its_length_and_follows_the_source(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MYNA_ASSETS", "assets")
    run("infer", "song.wav", "-s", "anna", "-fm", "dio")
    audio, rate = soundfile.read("song.out.wav")
    assert (len(audio), rate) == (round(2.03 * RATE) * 2, 44100)
    assert np.isfinite(audio).all() and np.abs(audio).max() > 1e-4
    assert "song.out.wav" in capsys.readouterr().out


def test_python_of_the_readme_runs(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.M | re.S)
    shutil.copytree(folder / "logs", tmp_path / "logs", ignore=shutil.ignore_patterns("events*", "D_*"))
    newest = sorted((tmp_path / "logs" / "44k").glob("G_*.pth"))[-1]
    newest.rename(newest.with_name("G_1000.pth"))
    shutil.copy(folder / "song.wav", tmp_path / "vocals.wav")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MYNA_ASSETS", str(folder / "assets"))
    exec(compile(block, "README.md", "exec"), {})
    assert soundfile.info("vocals.out.wav").samplerate == 44100


def test_python_of_the_training_guide_runs(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs/guides/python.md").read_text("utf-8"), re.M | re.S)
    (block,) = [block for block in blocks if "train(" in block]
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(DISCRIMINATORS, "waveform", lambda data: WaveformDiscriminators(width=256))
    exec(compile(block.replace("max_steps=20_000", "max_steps=5"), "python.md", "exec"), found := {})
    assert found["summary"].step == 5
