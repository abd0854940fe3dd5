"""Loading a voice from files, and the errors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from myna.errors import CheckpointError, ConfigError
from myna.storage import checkpoint
from myna.storage.checkpoint import Checkpoint
from myna.voice import Voice, find_weights

GOLDEN = Path(__file__).parent / "golden" / "fork" / "so-vits-svc-4.0v1"


def test_a_folder_means_its_latest_checkpoint_and_the_configuration_beside_it(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN, tmp_path, dirs_exist_ok=True)
    (tmp_path / "G_0.pth").touch()
    voice = Voice.load(tmp_path)
    assert voice.path == tmp_path / "G_3.pth"
    assert not voice.synthesizer.training
    assert voice.config.model.content_channels == 768


def test_a_released_voice_without_posterior_encoder_loads(tmp_path: Path) -> None:
    weights = checkpoint.read(GOLDEN / "G_3.pth").weights
    kept = {name: tensor.half() for name, tensor in weights.items() if not name.startswith("enc_q.")}
    checkpoint.write(tmp_path / "G_1.pth", Checkpoint(kept, 0, 1e-4, None))
    voice = Voice.load(tmp_path, GOLDEN / "config.json")
    assert voice.synthesizer.speaker_embedding.weight.dtype == torch.float32


def test_weights_override_a_wrong_configuration(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    values = json.loads((GOLDEN / "config.json").read_text())
    values["model"] |= {"ssl_dim": 256, "n_speakers": 3}
    (tmp_path / "config.json").write_text(json.dumps(values))
    voice = Voice.load(GOLDEN / "G_3.pth", tmp_path / "config.json")
    assert voice.config.model == Voice.load(GOLDEN).config.model
    assert "model.ssl_dim is 768 in the weights, which are used, but 256 in config.json" in caplog.text


def test_without_a_configuration_it_is_inferred_from_the_weights(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copy(GOLDEN / "G_3.pth", tmp_path)
    told = Voice.load(tmp_path)
    assert "without a config.json" in caplog.text
    weights = Voice.load(GOLDEN).synthesizer.state_dict()
    assert all(torch.equal(weights[name], tensor) for name, tensor in told.synthesizer.state_dict().items())
    (tmp_path / "config.json").touch()  # empty, as in some repositories
    assert Voice.load(tmp_path).config == told.config
    assert "config.json is empty" in caplog.text


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (["G_0.pth", "G_4.pth", "G_12.pth", "D_20.pth", "kmeans_10000.pt", "alto.pth"], "G_12.pth"),
        (["G_4 (1).pth"], "G_4 (1).pth"),
        (["G_4 (1).pth", "G_4.pth", "D_4 (1).pth"], "G_4.pth"),
        (["G_4 (1).pth", "G_0.pth", "D_9.pth"], "G_4 (1).pth"),
        (["G_800 - Copy.pth"], "G_800 - Copy.pth"),
        (["alto_e100.pth"], "alto_e100.pth"),
        (["alto_e20.pth", "alto_e100.pth", "added_IVF1_Flat.index"], "alto_e100.pth"),
        (["alto_e100_s900.pth", "alto_e100_s2000.pth", "alto_e20_s9000.pth"], "alto_e100_s2000.pth"),
        (["my voice.pth", "config.json", "readme.txt", ".hidden.pth"], "my voice.pth"),
        (["ALTO.PTH"], "ALTO.PTH"),
        (["alto.safetensors", "index.safetensors"], "alto.safetensors"),
        (["alto.onnx", "alto.content.onnx"], "alto.onnx"),
        (["alto/G_4.pth", "alto/config.json", "__MACOSX/._G_4.pth", ".git/G_5.pth"], "alto/G_4.pth"),
        (["alto/alto_e100.pth", "readme.txt"], "alto/alto_e100.pth"),
        (["G_3.pth", "older/G_4.pth"], "G_3.pth"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_the_voice_in_a_folder_is_found_by_its_name(tmp_path: Path, files: list[str], found: str) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert find_weights(tmp_path) == tmp_path / found


@pytest.mark.parametrize(
    ("files", "listed"),
    [
        (["alto.pth", "tenor.pth"], "alto.pth, tenor.pth"),
        (["alto1.pth", "alto2.pth"], "alto1.pth, alto2.pth"),
        (["alto_e100.pth", "tenor_e100.pth"], "alto_e100.pth, tenor_e100.pth"),
        (["alto/G_4.pth", "tenor/G_4.pth"], "alto.G_4.pth, tenor.G_4.pth"),
        ([f"{number}.pth" for number in range(10, 30)], "16.pth, 17.pth and 12 more"),
    ],
)
def test_several_voices_in_a_folder_are_listed(tmp_path: Path, files: list[str], listed: str) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(CheckpointError, match=f"several voices in .*{listed}; name one with -m"):
        find_weights(tmp_path)


def light_voice(folder: Path, config: bytes | None) -> Path:
    shutil.copy(find_weights("joe"), folder)
    if config is not None:
        (folder / "config.json").write_bytes(config)
    return folder


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (None, "a light voice needs its config.json"),
        (b"", "config.json is empty"),
        (b"<html>404</html>", "config.json is not JSON: line 1, column 1"),
        (b'{"spk": {"joe": 0},}', "config.json is not JSON: line 1, column [0-9]+: there is an extra comma"),
        (b'{"model": {"n_speakers": "one"}}', r"config.json: model.n_speakers: .*integer.*, got 'one'"),
        (b"[" * 9999, "config.json is nested too deeply"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_light_voice_states_why_its_configuration_cannot_be_used(
    tmp_path: Path, config: bytes | None, reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason):
        Voice.load(light_voice(tmp_path, config))


@pytest.mark.parametrize(
    ("model", "spk", "speakers", "remark"),
    [
        ({}, ["joe"], {"joe": 0}, ""),
        ({}, "joe", {"joe": 0}, ""),
        ({}, {"joe": 99}, {}, "the weights do not contain, which have row 0: joe (row 99)"),
        ({}, {"joe": -1, "anna": 0}, {"anna": 0}, "the weights do not contain, which have row 0: joe (row -1)"),
        ({"n_speakers": 200}, {"joe": 0}, {"joe": 0}, "n_speakers is 1 in the weights, which are used, but 200 in"),
    ],
)
def test_the_speakers_of_a_light_voice_follow_its_weights(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, model: dict, spk: object, speakers: dict, remark: str
) -> None:
    values = json.loads(find_weights("joe").with_name("config.json").read_text("utf-8"))
    values["model"] |= model
    voice = Voice.load(light_voice(tmp_path, json.dumps(values | {"spk": spk}).encode()))
    assert (voice.config.speakers, voice.config.model.n_speakers) == (speakers, 1)
    assert (remark in caplog.text) if remark else not caplog.text


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no G_\*\.pth in"):
        Voice.load(tmp_path)
    with pytest.raises(CheckpointError, match=r"there is no .*G_9\.pth"):
        Voice.load(tmp_path / "G_9.pth")
    with pytest.raises(ConfigError, match=r"cannot read the configuration .*other\.json"):
        Voice.load(GOLDEN, tmp_path / "other.json")
