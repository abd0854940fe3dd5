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
from myna.voice import Voice

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
    assert "there is no config.json" in caplog.text
    weights = Voice.load(GOLDEN).synthesizer.state_dict()
    assert all(torch.equal(weights[name], tensor) for name, tensor in told.synthesizer.state_dict().items())
    (tmp_path / "config.json").touch()  # empty, as in some repositories
    assert Voice.load(tmp_path).config == told.config
    assert "config.json is empty" in caplog.text


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no G_\*\.pth in"):
        Voice.load(tmp_path)
    with pytest.raises(CheckpointError, match=r"there is no .*G_9\.pth"):
        Voice.load(tmp_path / "G_9.pth")
    with pytest.raises(ConfigError, match=r"cannot read the configuration .*other\.json"):
        Voice.load(GOLDEN, tmp_path / "other.json")
