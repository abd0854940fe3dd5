"""The file of a clip's features gives back what was put in, and knows of what and how it was made."""

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
    read_f0,
    read_features,
    read_fingerprint,
    read_highest_hz,
    write_features,
)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "노래 1.wav"
    path.write_bytes(b"RIFF and so on")
    return path


def heard() -> ClipFeatures:
    # A transposed view, as encoders give: its memory is not in order.
    content = torch.randn(7, 4).T
    f0 = torch.tensor([0.0, 220, 221, 0, 0, 330, 0])
    return ClipFeatures(Features(content, f0, torch.linspace(-60, 0, 7)), 11025.0)


def test_what_is_written_is_read(clip: Path) -> None:
    path = features_path(clip)
    assert path.name == "노래 1.wav.features.safetensors"
    written, made_from = heard(), fingerprint(clip, Config(), "dio")
    write_features(path, written, made_from)
    read = read_features(path)
    for name in ("content", "f0", "loudness"):
        assert torch.equal(getattr(read.features, name), getattr(written.features, name))
    assert torch.equal(read_f0(path), written.features.f0)
    assert read.highest_hz == read_highest_hz(path) == written.highest_hz
    assert read_fingerprint(path) == made_from
    assert sorted(clip.parent.iterdir()) == sorted([clip, path])


def test_the_fingerprint_changes_with_what_the_features_depend_on_and_with_nothing_else(clip: Path) -> None:
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
def test_what_is_no_features_is_made_anew_or_named(clip: Path, content: bytes | None) -> None:
    path = features_path(clip)
    if content is not None:
        path.write_bytes(content)
    assert read_fingerprint(path) is None
    for read in (read_features, read_f0, read_highest_hz):
        with pytest.raises(MynaError, match="make them with svc pre-hubert"):
            read(path)


def test_half_a_file_is_named(clip: Path) -> None:
    path = features_path(clip)
    write_features(path, heard(), {})
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(MynaError, match="make them with svc pre-hubert"):
        read_features(path)


def test_a_full_disk_is_one_line(clip: Path) -> None:
    with pytest.raises(MynaError, match=r"cannot write .*no such folder"):
        write_features(clip.parent / "no such folder" / "x.safetensors", heard(), {})
