"""Features files return what was written, with the fingerprint of their inputs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from myna.config import Config
from myna.errors import MynaError
from myna.features.extractor import Features
from myna.training.features_file import (
    ClipFeatures,
    features_path,
    fingerprint,
    read_bandwidth,
    read_f0,
    read_features,
    read_fingerprint,
    write_features,
)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "노래 1.wav"
    path.write_bytes(b"RIFF and so on")
    return path


def clip_features() -> ClipFeatures:
    # A transposed view, as encoders return: its memory is not contiguous.
    content = torch.randn(7, 4).T
    f0 = torch.tensor([0.0, 220, 221, 0, 0, 330, 0])
    return ClipFeatures(Features(content, f0, torch.linspace(-60, 0, 7)), 11025.0)


def test_features_are_read_as_written(clip: Path) -> None:
    path = features_path(clip)
    assert path.name == "노래 1.wav.features.safetensors"
    written, made_from = clip_features(), fingerprint(clip, Config(), "dio")
    write_features(path, written, made_from)
    read = read_features(path)
    for name in ("content", "f0", "loudness"):
        assert torch.equal(getattr(read.features, name), getattr(written.features, name))
    assert torch.equal(read_f0(path), written.features.f0)
    assert read.bandwidth_hz == read_bandwidth(path) == written.bandwidth_hz
    assert read_fingerprint(path) == made_from
    assert sorted(clip.parent.iterdir()) == sorted([clip, path])


def test_the_fingerprint_changes_with_the_inputs_of_the_features_only(clip: Path) -> None:
    config = Config.template("so-vits-svc-4.1")
    known = fingerprint(clip, config, "dio")
    elsewhere = clip.parent / "elsewhere.wav"
    shutil.copy(clip, elsewhere)
    assert fingerprint(elsewhere, config, "dio") == known
    assert fingerprint(clip, config.with_values(train={"epochs": 3}, spk={"anna": 0}), "dio") == known

    assert fingerprint(clip, config, "swift") != known
    for values in (
        {"model": {"speech_encoder": "whisper-base"}},
        {"data": {"hop_length": 320}},
        {"data": {"sampling_rate": 48000}},
        {"data": {"unit_interpolate_mode": "left"}},
    ):
        assert fingerprint(clip, config.with_values(**values), "dio") != known
    clip.write_bytes(b"RIFF and so On")
    assert fingerprint(clip, config, "dio") != known


@pytest.mark.parametrize("content", [None, b"", b"\x10\0\0\0\0\0\0\0{", b"not safetensors at all"])
def test_missing_and_malformed_files_have_no_fingerprint_and_raise(clip: Path, content: bytes | None) -> None:
    path = features_path(clip)
    if content is not None:
        path.write_bytes(content)
    assert read_fingerprint(path) is None
    for read in (read_features, read_f0, read_bandwidth):
        with pytest.raises(MynaError, match="compute them with svc pre-hubert"):
            read(path)


def test_a_truncated_file_raises(clip: Path) -> None:
    path = features_path(clip)
    write_features(path, clip_features(), {})
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(MynaError, match="compute them with svc pre-hubert"):
        read_features(path)


def test_a_file_that_cannot_be_written_raises(clip: Path) -> None:
    with pytest.raises(MynaError, match=r"cannot write .*no such folder"):
        write_features(clip.parent / "no such folder" / "x.safetensors", clip_features(), {})
