"""A voice that trains in seconds: 1.5 s of tones, and networks of a few channels.

Run as a program, it is `svc` with narrow discriminators.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import soundfile
import torch

from myna.config import Config, DataConfig
from myna.features.extractor import Features
from myna.models.discriminators.waveform import WaveformDiscriminators
from myna.models.families import DISCRIMINATORS
from myna.training.features_file import ClipFeatures, VersionFeatures, features_path, write_features

MODEL = {
    "inter_channels": 4,
    "hidden_channels": 8,
    "filter_channels": 8,
    "n_heads": 2,
    "n_layers": 1,
    "upsample_initial_channel": 32,
    "gin_channels": 4,
    "ssl_dim": 6,
    "n_speakers": 2,
}
TRAIN = {
    "batch_size": 2,
    "segment_size": 4096,
    "num_workers": 0,
    "log_interval": 2,
    "eval_interval": 1000,
    "keep_ckpts": 0,
    "base_weights": None,
}
BANDWIDTH_HZ = 8000.0  # in the features of all clips


def small_discriminators(data: DataConfig) -> WaveformDiscriminators:
    return WaveformDiscriminators(width=256)


def make_dataset(
    folder: Path,
    seconds: tuple[float, ...] = (0.4, 0.3, 0.5, 0.2, 0.05),
    template: str = "so-vits-svc-4.0v1",
    data: dict[str, Any] | None = None,
    **train: Any,
) -> Path:
    """Write clips of tones with their features, the lists and the configuration, and return the latter's path."""
    config = Config.template(template).with_values(
        model=MODEL,
        train=TRAIN | train,
        data={"training_files": str(folder / "train.txt"), "validation_files": str(folder / "val.txt")} | (data or {}),
        spk={"anna": 0},
    )
    random = np.random.default_rng(0)
    clips = [make_clip(folder, index, length, config, random) for index, length in enumerate(seconds)]
    (folder / "train.txt").write_text("".join(f"{clip}\n" for clip in clips), encoding="utf-8")
    (folder / "val.txt").write_text(f"{clips[0]}\n", encoding="utf-8")
    config.write(folder / "config.json")
    return folder / "config.json"


def make_clip(folder: Path, index: int, seconds: float, config: Config, random: np.random.Generator) -> Path:
    data = config.data
    path = folder / "dataset" / "anna" / f"{index}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    hertz = 220.0 * 2 ** (index / 12)
    n_samples = int(seconds * data.sample_rate)
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * hertz / data.sample_rate * np.arange(n_samples)), data.sample_rate)
    n_frames = n_samples // data.hop_length
    shape = (1 + data.content_versions, config.model.content_channels, n_frames)
    content, *others = torch.from_numpy(random.standard_normal(shape, np.float32))
    features = Features(
        content=content,
        f0=torch.full((n_frames,), hertz),
        loudness=torch.full((n_frames,), -13.0),
    )
    versions = tuple(VersionFeatures(one, features.loudness.clone()) for one in others)
    write_features(features_path(path), ClipFeatures(features, BANDWIDTH_HZ, versions), {})
    return path


def tensors(value: Any, name: str = "") -> dict[str, Any]:
    """Return the tensors and values in nested dicts and lists by their paths."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {path: leaf for key, inner in items for path, leaf in tensors(inner, f"{name}/{key}").items()}
    return {name: value}


if __name__ == "__main__":
    from myna.apps.cli import main

    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"
    with mock.patch.dict(DISCRIMINATORS, waveform=small_discriminators):
        main()
