"""Files are recognized by their contents: every common container, and voices among other weights."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from myna.apps.cli import svc
from myna.errors import CheckpointError
from myna.storage import torch_file
from myna.zoo.inspection import inspect
from myna.zoo.recognition import NotAVoiceError, recognise

GOLDEN = Path(__file__).parents[1] / "golden"
FORK = GOLDEN / "fork" / "so-vits-svc-4.0v1"
ONE = torch.ones(1)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ({"model": {"discriminators.0.convs.0.bias": ONE}, "iteration": 3}, "a discriminator"),
        ({"model": {"text_encoder.pre_net.weight": ONE}}, "a voice of so-vits-svc 4.0-v2"),
        ({"model": {"unit_embed.weight": ONE}, "global_step": 3}, "a diffusion model"),
        ({"model": {"unit2ctrl.unit_embed.weight": ONE}, "global_step": 3}, "a voice of DDSP-SVC"),
        ({"model": {"ddsp_model.a": ONE, "diff_model.a": ONE}}, "a voice of DDSP-SVC 4 or 5"),
        ({"model": {"ddsp_model.a": ONE, "reflow_model.a": ONE}}, "a voice of DDSP-SVC 6"),
        ({"model": {"enc_p.emb.weight": ONE}}, "a voice of a text-to-speech program"),
        ({"generator": {"conv_pre.bias": ONE}}, "a vocoder"),
        ({"args": None, "cfg": {}, "model": {}}, "a content encoder in fairseq's format"),
        ({"anna": {"cluster_centers_": ONE, "n_features_in_": 1, "_n_threads": 1}}, "a k-means cluster model"),
        ({"spec": ONE, "content": ONE}, "features of a recording"),
        ({"model": {"some.weight": ONE}, "iteration": 1}, "a checkpoint of an unknown network"),
        ({"some.weight": ONE}, r"weights of an unknown network \(the first is some.weight\)"),
        ({"state": 1, "other": 2}, "a file with state, other"),
        ({}, "a file with nothing"),
        ([1, 2], "a file with a list"),
    ],
)
def test_weights_that_are_not_voices_are_named(tmp_path: Path, content: Any, what: str) -> None:
    path = tmp_path / "G_1.pth"
    torch.save(content, path)
    with pytest.raises(NotAVoiceError, match=f"G_1.pth is {what}"):
        recognise(path)
    assert not inspect(path).sings


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer"),
        (b"\n<!doctype html>", "a web page"),
        (b"Entry not found", "a web page"),
        (b"IwFl\x00\x03", "a retrieval index"),
        (b"Rar!\x1a\x07", "a RAR archive"),
        (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
        (b"\x1f\x8b\x08", "a gzip archive"),
        (b"RIFF\x24\x00\x00\x00WAVE", "a recording"),
        (b'{"train": {}}', "a JSON file"),
        (b"\x00\x01\x02", "not a checkpoint"),
        (b"", "empty"),
    ],
)
def test_files_that_are_not_weights_are_named(tmp_path: Path, start: bytes, what: str) -> None:
    path = tmp_path / "G_1.pth"
    path.write_bytes(start)
    with pytest.raises(CheckpointError, match=f"is {what}"):
        recognise(path)


@pytest.mark.parametrize("name", ["../proof", "/tmp/proof", "a/../../proof", "C:\\proof"])
def test_an_archive_with_paths_outside_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "G_1.pth"
    torch.save({"model": {}}, path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, "x")
    with pytest.raises(CheckpointError, match="leads out of its folder: refused"):
        torch_file.read(path)


def test_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "G_1.pth"
    torch.save({"model": {}}, path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/9", bytes(10**7))
    with pytest.raises(CheckpointError, match="is compressed, unlike torch's own files"):
        torch_file.read(path)


def test_a_tensor_larger_than_its_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "G_1.pth"
    torch.save({"model": {"pre.weight": torch.ones(1).expand(10**9)}}, path)
    with pytest.raises(CheckpointError, match="expands from"):
        torch_file.read(path)


def test_bare_weights_are_a_voice(tmp_path: Path) -> None:
    weights = torch_file.read(FORK / "G_3.pth")["model"]
    torch.save({f"module.{name}": tensor for name, tensor in weights.items()}, tmp_path / "voice.pth")
    shutil.copy(FORK / "config.json", tmp_path)
    found = inspect(tmp_path / "voice.pth")
    assert (found.sings, found.trainable, found.speakers) == (True, False, inspect(FORK / "G_3.pth").speakers)


@pytest.mark.parametrize(
    ("folder", "version", "encoder"),
    [
        ("fork/quickvc", "so-vits-svc-fork 4, QuickVC (ms-istft)", "vec768l12"),
        ("fork/quickvc-mb-istft", "so-vits-svc-fork 4, QuickVC (mb-istft)", "vec768l12"),
        ("fork/quickvc-istft", "so-vits-svc-fork 4, QuickVC (istft)", "vec768l12"),
        ("4.1/nsf-snake-hifigan-vol", "4.1 (loudness, snake)", "vec768l12"),
        ("4.1/transformer-flow", "4.1 (transformer flow)", "vec768l12"),
        ("4.1/tiny-shared-flow-depthwise", "4.1 (loudness, no f0 predictor, depthwise, shared flow)", "vec768l12"),
        ("4.1/vec256l9-vol", "4.1 (loudness)", "vec256l9"),
        ("4.1/whisper-ppg", "4.1", "whisper-ppg"),
    ],
)
def test_the_version_and_encoder_of_a_voice_are_recognized(folder: str, version: str, encoder: str) -> None:
    found = inspect(next((GOLDEN / folder).glob("G_*.pth")))
    assert (found.version, found.content_encoder, found.iteration, found.sings) == (version, encoder, 3, True)
    assert found.made_with == ("so-vits-svc-fork" if folder.startswith("fork") else "so-vits-svc")
    assert not found.suspicious


def test_a_released_voice_is_recognized_by_its_missing_tensors(tmp_path: Path) -> None:
    content = torch_file.read(FORK / "G_3.pth")
    content["model"] = {name: one.half() for name, one in content["model"].items() if not name.startswith("enc_q.")}
    torch.save(content | {"iteration": 0, "optimizer": {"state": {}, "param_groups": []}}, tmp_path / "G_3.pth")
    found = inspect(tmp_path / "G_3.pth", FORK / "config.json")
    assert (found.sings, found.half_precision, found.trainable) == (True, True, False)
    assert found.made_with == "so-vits-svc 4.1, made smaller for release"


def test_unusual_properties_are_reported(tmp_path: Path) -> None:
    content = torch_file.read(FORK / "G_3.pth")
    content["model"]["pre.bias"] = content["model"]["pre.bias"] * torch.nan
    del content["model"]["dec.cond.bias"]
    torch.save(content, tmp_path / "G_3.pth")
    found = inspect(tmp_path / "G_3.pth")
    assert not found.sings
    assert any("1 tensors contain NaN or infinity, the first is pre.bias" in line for line in found.suspicious)
    assert any("decoder.speaker_projection.bias is missing" in line for line in found.suspicious)
    assert any("without a config.json" in line for line in found.suspicious)


def test_svc_inspect_prints_text_and_json(tmp_path: Path) -> None:
    (tmp_path / "page.pth").write_text("<html>")
    files = [str(FORK / "G_3.pth"), str(tmp_path / "page.pth")]
    told = CliRunner().invoke(svc, ["inspect", *files])
    assert f"{files[0]}: a voice of so-vits-svc 4" in told.stdout
    assert "is a web page" in told.stderr
    assert isinstance(told.exception, CheckpointError)
    listed = CliRunner().invoke(svc, ["inspect", "--json", files[0]])
    assert json.loads(listed.stdout)["files"][0]["content_encoder"] == "vec768l12"
    assert listed.exit_code == 0


@pytest.mark.parametrize(
    ("name", "version", "sample_rate"),
    [
        ("rvc/v1-48k.pth", "v1", 48000),
        ("rvc/v2-48k.pth", "v2", 48000),
        ("rvc/v2-32k-nono.pth", "v2, without pitch", 32000),
        ("rvc/v1-40k-training.pth", "v1", 40000),
        ("sovits3/voice.pth", None, 32000),
    ],
)
def test_voices_of_other_families_are_recognized(name: str, version: str | None, sample_rate: int) -> None:
    found = inspect(GOLDEN / name)
    assert (found.version, found.sample_rate, found.sings) == (version, sample_rate, True)
    assert found.made_with == ("RVC" if name.startswith("rvc") else "so-vits-svc")
