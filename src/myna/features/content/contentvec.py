"""ContentVec: HuBERT, taught to forget the speaker.

Qian et al., ContentVec, ICML 2022. So-vits-svc hears with its twelfth layer, or, in older voices, with a projection of
the ninth. The weights are those that lengyue233 converted for transformers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from myna import assets
from myna.errors import CheckpointError

RECEPTIVE_SAMPLES = 400  # what HuBERT's convolutions need for one frame: 25 ms
PROJECTION = "final_proj."
POSITIONS = "encoder.pos_conv_embed.conv."


class ContentVec:
    """Content of 16 kHz audio by a HuBERT: `contentvec(audio (N,)) -> (C, (N - 80) // 320)`, at least one frame.

    Nothing is padded but what is too short for one frame, as the predecessors do it: their voices know these frames.
    """

    def __init__(self, hubert: Any, projection: torch.nn.Linear | None, device: str = "cpu") -> None:
        """`hubert` gives frames (B, T, C) as `.last_hidden_state`; `projection`, if any, is applied to them."""
        self.hubert = hubert.to(device).eval()
        self.projection = projection.to(device) if projection is not None else None
        self.channels: int = self.hubert.config.hidden_size if projection is None else projection.out_features
        self.device = torch.device(device)

    @torch.inference_mode()
    def __call__(self, audio: Tensor) -> Tensor:
        audio = F.pad(audio.to(self.device), (0, max(RECEPTIVE_SAMPLES - len(audio), 0)))
        frames: Tensor = self.hubert(audio[None]).last_hidden_state[0]
        if self.projection is not None:
            frames = self.projection(frames)
        return frames.T.contiguous()


def load_contentvec(layer: int, *, projected: bool, device: str = "cpu") -> ContentVec:
    """ContentVec as heard at `layer`, found by `assets`.

    Raises:
        AssetError: its weights cannot be had.
        CheckpointError: the file is not a ContentVec.
    """
    return read_contentvec(assets.find("contentvec"), layer, projected=projected, device=device)


def read_contentvec(path: Path, layer: int, *, projected: bool, device: str = "cpu") -> ContentVec:
    """ContentVec from its weights, safetensors or PyTorch's, without the layers above `layer`.

    Its sizes are in the `config.json` beside `path`; where there is none, they are HuBERT base's.
    """
    from torch.nn.utils.parametrize import remove_parametrizations
    from transformers import HubertConfig, HubertModel

    weights = _read_tensors(path)
    beside = path.with_name("config.json")
    settings = json.loads(beside.read_text("utf-8")) if beside.is_file() else {}
    settings |= {"num_hidden_layers": layer, "attn_implementation": "sdpa"}
    settings |= {"mask_time_prob": 0.0, "mask_feature_prob": 0.0}  # of use in HuBERT's own training only
    projection = None
    try:
        with torch.device("meta"):
            hubert = HubertModel(HubertConfig(**settings))
        # The norm of these weights is folded in once, not anew in every call.
        remove_parametrizations(hubert.encoder.pos_conv_embed.conv, "weight")
        hubert.load_state_dict(_of_hubert(weights, layer), assign=True)
        if projected:
            bias = weights[f"{PROJECTION}bias"]
            projection = torch.nn.Linear(hubert.config.hidden_size, len(bias), device="meta")
            projection.load_state_dict({"weight": weights[f"{PROJECTION}weight"], "bias": bias}, assign=True)
    except (KeyError, RuntimeError) as error:
        raise CheckpointError(f"{path} is not the ContentVec that was asked for: {error}") from error
    return ContentVec(hubert, projection, device)


def _of_hubert(weights: dict[str, Tensor], layer: int) -> dict[str, Tensor]:
    """Those of `weights` that HuBERT needs up to `layer`, with the weight norm of its positions folded in."""
    kept = {}
    for key, tensor in weights.items():
        above = key.startswith("encoder.layers.") and int(key.split(".")[2]) >= layer
        if not above and not key.startswith((PROJECTION, "masked_spec_embed", POSITIONS)):
            kept[key] = tensor
    kept[f"{POSITIONS}bias"] = weights[f"{POSITIONS}bias"]
    if f"{POSITIONS}weight" in weights:
        kept[f"{POSITIONS}weight"] = weights[f"{POSITIONS}weight"]
        return kept
    old, new = (f"{POSITIONS}weight_", f"{POSITIONS}parametrizations.weight.original")
    magnitude, direction = (old + "g", old + "v") if old + "g" in weights else (new + "0", new + "1")
    # One magnitude for each tap of the kernel: the norm runs over the other two axes.
    norm = torch.linalg.vector_norm(weights[direction], dim=(0, 1), keepdim=True)
    kept[f"{POSITIONS}weight"] = weights[magnitude] * weights[direction] / norm
    return kept


def _read_tensors(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            loaded = load_file(path)
        else:
            loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        return {key: tensor.float() for key, tensor in loaded.items() if isinstance(tensor, Tensor)}
    # weights_only refuses code with an UnpicklingError; a broken archive is a RuntimeError.
    except Exception as error:
        raise CheckpointError(f"{path} cannot be read as weights: {str(error).splitlines()[0]}") from error
