"""HuBERT encoders, read from files in their published formats, equal other implementations."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from myna.errors import CheckpointError
from myna.features.content import CONTENT_ENCODERS, load_encoder
from myna.features.content.cnhubertlarge import read_cnhubertlarge
from myna.features.content.dphubert import read_dphubert
from myna.features.content.hubert import Hubert
from myna.features.content.hubertsoft import read_hubertsoft
from myna.features.content.wavlm import read_wavlm

CHANNELS, WIDE_CHANNELS, N_LAYERS, N_HEADS = 128, 96, 3, 2
CONVOLUTIONS = [(16, 10, 5), (12, 3, 2), (16, 3, 2), (14, 3, 2), (16, 3, 2), (10, 2, 2), (16, 2, 2)]
KERNEL, GROUPS = 16, 4
SIZES = {
    "hidden_size": CHANNELS,
    "num_hidden_layers": N_LAYERS,
    "num_attention_heads": N_HEADS,
    "intermediate_size": WIDE_CHANNELS,
    "conv_dim": [channels for channels, _, _ in CONVOLUTIONS],
    "num_conv_pos_embeddings": KERNEL,
    "num_conv_pos_embedding_groups": GROUPS,
}
SMALL = pytest.mark.parametrize(
    ("name", "file"),
    [
        ("hubertsoft", "hubert-soft-0d54a1f4.pt"),
        ("cnhubertlarge", "chinese-hubert-large-fairseq-ckpt.pt"),
        ("wavlmbase+", "WavLM-Base+.pt"),
        ("dphubert", "DPHuBERT-sp0.75.pth"),
    ],
)
READERS: dict[str, Callable[[Path], Hubert]] = {
    "hubertsoft": read_hubertsoft,
    "cnhubertlarge": read_cnhubertlarge,
    "wavlmbase+": read_wavlm,
    "dphubert": read_dphubert,
}


def audio(n: int = 8000) -> Tensor:
    return 0.1 * torch.randn(n, generator=torch.Generator().manual_seed(0)) + 0.02


def shaken(model: nn.Module) -> nn.Module:
    """Initialize parameters with larger values than usual, so that none is negligible."""
    torch.manual_seed(0)
    for name, parameter in model.named_parameters():
        nn.init.normal_(parameter, mean=1.0 if "norm" in name and name.endswith("weight") else 0.0, std=0.1)
    return model.eval()


def replaced(weights: dict[str, Tensor], table: dict[str, str]) -> dict[str, Tensor]:
    result = {}
    for key, tensor in weights.items():
        for pattern, name in table.items():
            key = re.sub(pattern, name, key)
        result[key] = tensor
    return result


# Tensor names of transformers and of fairseq.
OLD_NORM = {
    r"parametrizations\.weight\.original0": "weight_g",
    r"parametrizations\.weight\.original1": "weight_v",
}
TO_FAIRSEQ = OLD_NORM | {
    r"^masked_spec_embed$": "mask_emb",
    r"(conv_layers\.\d)\.conv\.": r"\1.0.",
    r"^feature_projection\.layer_norm\.": "layer_norm.",
    r"^feature_projection\.projection\.": "post_extract_proj.",
    r"pos_conv_embed\.conv\.": "pos_conv.0.",
    r"(encoder\.layers\.\d)\.layer_norm\.": r"\1.self_attn_layer_norm.",
    r"attention\.rel_attn_embed\.": "attention.relative_attention_bias.",
    r"attention\.gru_rel_pos_linear\.": "attention.grep_linear.",
    r"attention\.gru_rel_pos_const": "attention.grep_a",
    r"\.attention\.": ".self_attn.",
    r"feed_forward\.intermediate_dense": "fc1",
    r"feed_forward\.output_dense": "fc2",
}
TO_BASE = TO_FAIRSEQ | {r"(conv_layers\.0)\.layer_norm\.": r"\1.2."}
TO_LARGE = TO_FAIRSEQ | {r"(conv_layers\.\d)\.layer_norm\.": r"\1.2.1."}


class HubertSoft(nn.Module):
    """The published network in PyTorch's own layers, with the tensor names of the published file."""

    def __init__(self) -> None:
        super().__init__()
        before = 1
        self.feature_extractor = nn.ModuleDict({"norm0": nn.GroupNorm(CONVOLUTIONS[0][0], CONVOLUTIONS[0][0])})
        for index, (channels, kernel, stride) in enumerate(CONVOLUTIONS):
            self.feature_extractor[f"conv{index}"] = nn.Conv1d(before, channels, kernel, stride, bias=False)
            before = channels
        self.feature_projection = nn.ModuleDict(
            {"norm": nn.LayerNorm(before), "projection": nn.Linear(before, CHANNELS)}
        )
        positions = nn.Conv1d(CHANNELS, CHANNELS, KERNEL, padding=KERNEL // 2, groups=GROUPS)
        positions = nn.utils.parametrizations.weight_norm(positions, dim=2)
        self.positional_embedding = nn.ModuleDict({"conv": positions})
        self.norm = nn.LayerNorm(CHANNELS)
        layers = [
            nn.TransformerEncoderLayer(CHANNELS, N_HEADS, WIDE_CHANNELS, activation="gelu", batch_first=True)
            for _ in range(N_LAYERS)
        ]
        self.encoder = nn.ModuleDict({"layers": nn.ModuleList(layers)})
        self.proj = nn.Linear(CHANNELS, 8)
        self.masked_spec_embed = nn.Parameter(torch.zeros(CHANNELS))
        self.label_embedding = nn.Embedding(10, 8)

    def forward(self, x: Tensor) -> Tensor:
        """Units (T, 8) of samples (N,); T = N // 320."""
        x = F.pad(x, (40, 40))[None, None]
        for index in range(len(CONVOLUTIONS)):
            x = self.feature_extractor[f"conv{index}"](x)
            x = F.gelu(x if index else self.feature_extractor["norm0"](x))
        x = self.feature_projection["projection"](self.feature_projection["norm"](x.transpose(1, 2)))
        x = self.norm(x + F.gelu(self.positional_embedding["conv"](x.mT)[..., :-1]).mT)
        for layer in self.encoder["layers"]:
            x = layer(x)
        return self.proj(x)[0]


@pytest.fixture(scope="module")
def models() -> dict[str, nn.Module]:
    """Small random networks in other implementations."""
    from transformers import HubertConfig, HubertModel, WavLMConfig, WavLMModel

    large = {"feat_extract_norm": "layer", "do_stable_layer_norm": True}
    return {
        "hubertsoft": shaken(HubertSoft()),
        "cnhubertlarge": shaken(HubertModel(HubertConfig(**SIZES | large))),
        "wavlmbase+": shaken(WavLMModel(WavLMConfig(**SIZES))),
        "dphubert": shaken(HubertModel(HubertConfig(**SIZES))),
    }


@pytest.fixture(scope="module")
def expected(models: dict[str, nn.Module]) -> dict[str, Tensor]:
    with torch.inference_mode():
        heard = {
            name: model(audio()[None]).last_hidden_state[0].T for name, model in models.items() if name != "hubertsoft"
        }
        return heard | {"hubertsoft": models["hubertsoft"](audio()).T}


@pytest.fixture(scope="module")
def folder(models: dict[str, nn.Module], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of assets with the four files in their published formats."""
    folder = tmp_path_factory.mktemp("assets")
    weights = {name: model.state_dict() for name, model in models.items()}
    torch.save(replaced(weights["hubertsoft"], OLD_NORM), folder / "hubert-soft-0d54a1f4.pt")

    training = {"final_proj.weight": torch.zeros(8, CHANNELS), "final_proj.bias": torch.zeros(8)}
    training["label_embs_concat"] = torch.zeros(10, 8)
    fairseq = {
        "args": None,
        "cfg": {"_name": None, "model": {"_name": "hubert", "encoder_layers": N_LAYERS}, "task": {"normalize": True}},
        "model": replaced(weights["cnhubertlarge"], TO_LARGE) | training,
        "optimizer_history": [{"criterion_name": "HubertCriterion", "num_updates": 1}],
        "extra_state": {"metrics": {}, "previous_training_time": 0.5},
        "last_optimizer_state": {"state": {0: {"exp_avg": torch.zeros(4)}}, "param_groups": []},
        "task_state": {"dictionaries": [fairseq_dictionary()]},
    }
    with pytest.MonkeyPatch.context() as patch:
        for name in ("fairseq", "fairseq.data", "fairseq.data.dictionary"):
            patch.setitem(sys.modules, name, ModuleType(name))
        patch.setattr(sys.modules[name], "Dictionary", type(fairseq["task_state"]["dictionaries"][0]), raising=False)
        torch.save(fairseq, folder / "chinese-hubert-large-fairseq-ckpt.pt")

    wavlm = {
        "cfg": {"extractor_mode": "default", "normalize": False},
        "model": replaced(weights["wavlmbase+"], TO_BASE),
    }
    torch.save(wavlm, folder / "WavLM-Base+.pt")
    torch.save(dphubert(weights["dphubert"]), folder / "DPHuBERT-sp0.75.pth")
    return folder


def fairseq_dictionary() -> Any:
    """Non-tensor content of fairseq's checkpoints."""

    class Dictionary:
        def __init__(self) -> None:
            self.symbols, self.indices = ["<s>", "0"], {"<s>": 0}

    Dictionary.__module__, Dictionary.__qualname__ = "fairseq.data.dictionary", "Dictionary"
    return Dictionary()


def dphubert(weights: dict[str, Tensor], **config: Any) -> dict[str, Any]:
    """Published format of a network in which only convolution channels were pruned."""
    names = OLD_NORM | {r"^encoder\.": "encoder.transformer.", r"^feature_projection": "encoder.feature_projection"}
    weights = {key: tensor for key, tensor in replaced(weights, names).items() if key != "masked_spec_embed"}
    return {
        "config": {
            "extractor_mode": "group_norm",
            "extractor_conv_layer_config": CONVOLUTIONS,
            "extractor_conv_bias": False,
            "encoder_embed_dim": CHANNELS,
            "encoder_projection_dropout": 0.1,
            "encoder_pos_conv_kernel": KERNEL,
            "encoder_pos_conv_groups": GROUPS,
            "encoder_num_layers": N_LAYERS,
            "encoder_use_attention": [True] * N_LAYERS,
            "encoder_use_feed_forward": [True] * N_LAYERS,
            "encoder_num_heads": [N_HEADS] * N_LAYERS,
            "encoder_head_dim": 64,
            "encoder_ff_interm_features": [WIDE_CHANNELS] * N_LAYERS,
            "encoder_layer_norm_first": False,
            "encoder_layer_drop": 0.05,
            "aux_num_out": None,
            "normalize_waveform": False,
            **config,
        },
        "state_dict": {"feature_extractor.dummy_weight": torch.ones(CONVOLUTIONS[-1][0])} | weights,
        "distill_linear_projs": {"0.weight": torch.eye(4)},
    }


@SMALL
def test_a_published_file_gives_the_output_of_another_implementation(
    folder: Path, expected: dict[str, Tensor], name: str, file: str
) -> None:
    encoder = READERS[name](folder / file)
    assert encoder.channels == len(expected[name])
    torch.testing.assert_close(encoder(audio()), expected[name], atol=1e-4, rtol=1e-4)


@SMALL
@pytest.mark.parametrize("n_samples", [0, 160, 319, 320, 399, 400, 719, 720, 16000, 16319])
def test_there_is_one_frame_per_20_ms_and_at_least_one(folder: Path, name: str, file: str, n_samples: int) -> None:
    encoder = READERS[name](folder / file)
    content = encoder(torch.zeros(n_samples))
    heard = n_samples if name == "hubertsoft" else n_samples - 80
    assert content.shape == (encoder.channels, max(heard // 320, 1))
    assert bool(content.isfinite().all())


@SMALL
def test_bf16_gives_nearly_the_same_content(folder: Path, name: str, file: str) -> None:
    encoder = READERS[name](folder / file)
    content = encoder(audio())
    encoder.to_bf16()
    rounded = encoder(audio())
    assert rounded.dtype == torch.float32 and rounded.shape == content.shape
    error = (rounded - content).square().sum() / content.square().sum()
    assert -10 * torch.log10(error) > 30


@SMALL
def test_the_encoder_table_finds_the_file_by_its_usual_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, file: str
) -> None:
    monkeypatch.setenv("MYNA_ASSETS", str(folder))
    assert load_encoder(name).channels == (8 if name == "hubertsoft" else CHANNELS)
    assert name in CONTENT_ENCODERS


@pytest.mark.parametrize("name", ["cnhubertlarge", "wavlmbase+"])
def test_files_of_the_hub_are_also_read(
    models: dict[str, nn.Module], expected: dict[str, Tensor], tmp_path: Path, name: str
) -> None:
    save_file(models[name].state_dict(), tmp_path / "model.safetensors")
    torch.save(replaced(models[name].state_dict(), OLD_NORM), tmp_path / "pytorch_model.bin")
    for path in tmp_path.iterdir():
        torch.testing.assert_close(READERS[name](path)(audio()), expected[name], atol=1e-4, rtol=1e-4)


def test_a_soft_hubert_trained_on_several_gpus_is_read(
    models: dict[str, nn.Module], expected: dict[str, Tensor], tmp_path: Path
) -> None:
    weights = replaced(models["hubertsoft"].state_dict(), OLD_NORM | {"^": "module."})
    torch.save(weights, tmp_path / "soft.pt")
    torch.testing.assert_close(read_hubertsoft(tmp_path / "soft.pt")(audio()), expected["hubertsoft"])


def test_pruned_parts_act_as_zeros(models: dict[str, nn.Module], tmp_path: Path) -> None:
    """A full network with zeros in the pruned places gives the same output."""
    from transformers import HubertModel

    whole = HubertModel(models["dphubert"].config).eval()
    weights = {key: tensor.clone() for key, tensor in models["dphubert"].state_dict().items()}
    first, second, third = (f"encoder.layers.{index}." for index in range(N_LAYERS))
    weights[f"{first}attention.out_proj.weight"][:, :64] = 0  # the first head
    weights[f"{first}feed_forward.output_dense.weight"][:, 40:] = 0
    for gone in (f"{second}attention.out_proj.", f"{third}feed_forward.output_dense."):
        weights[f"{gone}weight"].zero_()
        weights[f"{gone}bias"].zero_()
    whole.load_state_dict(weights)
    scale = torch.linspace(0.5, 1.5, CONVOLUTIONS[-1][0])
    whole.feature_projection.register_forward_pre_hook(lambda _, inputs: (inputs[0] * scale,))
    with torch.inference_mode():
        expected = whole(audio()[None]).last_hidden_state[0].T

    for part in ("q", "k", "v"):
        for kind in ("weight", "bias"):
            weights[f"{first}attention.{part}_proj.{kind}"] = weights[f"{first}attention.{part}_proj.{kind}"][64:]
    weights[f"{first}attention.out_proj.weight"] = weights[f"{first}attention.out_proj.weight"][:, 64:]
    for kind in ("weight", "bias"):
        key = f"{first}feed_forward.intermediate_dense.{kind}"
        weights[key] = weights[key][:40]
    key = f"{first}feed_forward.output_dense.weight"
    weights[key] = weights[key][:, :40]
    gone = (f"{second}attention.", f"{third}feed_forward.")
    left = {key: tensor.clone() for key, tensor in weights.items() if not key.startswith(gone)}
    content = dphubert(
        left,
        encoder_use_attention=[True, False, True],
        encoder_num_heads=[1, 0, 2],
        encoder_use_feed_forward=[True, True, False],
        encoder_ff_interm_features=[40, WIDE_CHANNELS, 0],
    )
    content["state_dict"]["feature_extractor.dummy_weight"] = scale
    torch.save(content, tmp_path / "pruned.pth")
    torch.testing.assert_close(read_dphubert(tmp_path / "pruned.pth")(audio()), expected, atol=1e-4, rtol=1e-4)


@SMALL
def test_missing_and_unexpected_tensors_are_refused(folder: Path, tmp_path: Path, name: str, file: str) -> None:
    stub = type("Dictionary", (), {})
    with torch.serialization.safe_globals([(stub, "fairseq.data.dictionary.Dictionary")]):
        content = torch.load(folder / file, weights_only=True)
    content.pop("task_state", None)  # of a class that is not defined here
    weights = content.get("state_dict", content.get("model", content))
    lacking = next(key for key in weights if key.endswith("layers.1.final_layer_norm.bias") or "1.norm2.bias" in key)
    tensor = weights.pop(lacking)
    path = tmp_path / "other.pt"
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=r"other\.pt is not a .*: .*layers\.1\.final_layer_norm\.bias") as caught:
        READERS[name](path)
    assert "\n" not in str(caught.value)
    weights |= {lacking: tensor, "encoder.lid.weight": torch.zeros(2)}
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=r"other\.pt is not a .*: .*encoder\.lid\.weight"):
        READERS[name](path)


@pytest.mark.parametrize("name", READERS)
def test_other_files_are_refused_in_one_line(folder: Path, tmp_path: Path, name: str) -> None:
    others = {"voice.pth": {"model": {"enc_p.pre.weight": torch.zeros(3)}}, "list.pt": [torch.zeros(2)]}
    for file, content in others.items():
        torch.save(content, tmp_path / file)
    (tmp_path / "page.pt").write_text("<!doctype html>")
    (tmp_path / "model.safetensors").write_bytes(b"no header at all")
    for path in tmp_path.iterdir():
        with pytest.raises(CheckpointError) as caught:
            READERS[name](path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_the_file_of_another_encoder_is_refused(folder: Path) -> None:
    with pytest.raises(CheckpointError, match=r"DPHuBERT-sp0\.75\.pth is not a WavLM: it lacks"):
        read_wavlm(folder / "DPHuBERT-sp0.75.pth")
    with pytest.raises(CheckpointError, match="is not a WavLM"):
        read_wavlm(folder / "chinese-hubert-large-fairseq-ckpt.pt")
    with pytest.raises(CheckpointError, match="is not a HuBERT"):
        read_cnhubertlarge(folder / "WavLM-Base+.pt")
    with pytest.raises(CheckpointError, match=r"is not a DPHuBERT: it has no configuration"):
        read_dphubert(folder / "hubert-soft-0d54a1f4.pt")


class _Malice:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("name", READERS)
def test_no_file_executes_code(tmp_path: Path, name: str) -> None:
    path, trace = tmp_path / "weights.pt", tmp_path / "ran"
    torch.save({"model": {"weight": _Malice(trace)}, "config": {}, "state_dict": {}}, path)
    with pytest.raises(CheckpointError, match=r"names \w+\.mkdir, which could run code"):
        READERS[name](path)
    assert not trace.exists()
