"""Our ContentVec equals transformers' model, and no file can execute code."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from myna.errors import CheckpointError
from myna.features.content import load_encoder
from myna.features.content.contentvec import read_contentvec

SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "conv_dim": [16] * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}


@pytest.fixture(scope="module")
def theirs():
    from transformers import HubertConfig, HubertModel

    torch.manual_seed(0)
    return HubertModel(HubertConfig(**SIZES)).eval()


@pytest.fixture(scope="module")
def projection() -> torch.nn.Linear:
    torch.manual_seed(1)
    return torch.nn.Linear(32, 8)


@pytest.fixture
def folder(theirs, projection: torch.nn.Linear, tmp_path: Path) -> Path:
    """Folder in the usual published form: old weight norm names, the projection, PyTorch format."""
    folder = tmp_path / "content-vec-best"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(SIZES | {"architectures": ["HubertModelWithFinalProj"]}))
    torch.save(old_names(theirs) | with_prefix(projection), folder / "pytorch_model.bin")
    return folder


def old_names(model: torch.nn.Module) -> dict[str, Tensor]:
    renamed = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    weights = model.state_dict()
    for new, old in renamed.items():
        weights = {key.replace(new, old): tensor for key, tensor in weights.items()}
    assert any(key.endswith("weight_g") for key in weights)
    return weights


def with_prefix(projection: torch.nn.Linear) -> dict[str, Tensor]:
    return {f"final_proj.{key}": tensor for key, tensor in projection.state_dict().items()}


def test_a_requested_layer_equals_that_of_the_full_model(theirs, projection: torch.nn.Linear, folder: Path) -> None:
    audio = 0.1 * torch.randn(16000, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        layers = theirs(audio[None], output_hidden_states=True).hidden_states
        expected = projection(layers[2][0]).T
    weights = folder / "pytorch_model.bin"
    whole = read_contentvec(weights, 4, projected=False)
    assert whole.channels == 32
    torch.testing.assert_close(whole(audio), layers[4][0].T, atol=1e-5, rtol=1e-5)
    part = read_contentvec(weights, 2, projected=True)
    assert part.channels == 8
    assert len(part.network.model.encoder.layers) == 2
    torch.testing.assert_close(part(audio), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("n_samples", [0, 160, 320, 399, 400, 719, 720, 16000])
def test_a_frame_needs_25_ms_and_shorter_audio_gives_one_frame(folder: Path, n_samples: int) -> None:
    contentvec = read_contentvec(folder / "pytorch_model.bin", 2, projected=False)
    content = contentvec(torch.zeros(n_samples))
    assert content.shape == (32, max((n_samples - 80) // 320, 1))
    assert bool(content.isfinite().all())


def test_safetensors_and_new_names_are_also_read(theirs, folder: Path) -> None:
    audio = torch.sin(torch.arange(4000) / 10)
    expected = read_contentvec(folder / "pytorch_model.bin", 4, projected=False)(audio)
    other = folder / "model.safetensors"
    save_file(theirs.state_dict(), other)
    torch.testing.assert_close(read_contentvec(other, 4, projected=False)(audio), expected)


def test_the_encoder_table_uses_the_local_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYNA_ASSETS", str(folder.parent))
    with pytest.raises(CheckpointError, match=r"layers\.4"):  # this model has only four layers
        load_encoder("vec768l12")


def test_a_missing_projection_is_reported(theirs, folder: Path) -> None:
    weights = folder / "pytorch_model.bin"
    torch.save(old_names(theirs), weights)
    with pytest.raises(CheckpointError, match="final_proj"):
        read_contentvec(weights, 2, projected=True)


class _Malice:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.trace),)


def test_a_pickle_that_would_execute_code_is_refused(tmp_path: Path) -> None:
    weights, trace = tmp_path / "pytorch_model.bin", tmp_path / "ran"
    torch.save({"weight": _Malice(trace)}, weights)
    with pytest.raises(CheckpointError, match=r"names \w+\.mkdir, which could run code"):
        read_contentvec(weights, 2, projected=False)
    assert not trace.exists()
