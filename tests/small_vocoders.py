"""Small vocoders: the predecessor's, and one of the successor's kind with seeded weights, as files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from myna.models.vocoder import Vocoder
from myna.zoo.vocoders import VocoderConfig, vocoder_to_stored

GOLDEN_VOCODER = Path(__file__).parent / "golden" / "vocoder"
SMALL_PC_NSF = VocoderConfig(
    upsample_initial_channel=32,
    resblock_kernel_sizes=(3, 5),
    resblock_dilation_sizes=((1, 3, 5), (1, 3, 5)),
    mini_nsf=True,
    pc_aug=True,
)


def golden() -> dict[str, Tensor]:
    """Inputs and outputs that the predecessor computed; mel spectrograms are (1, n_mels, T)."""
    with np.load(GOLDEN_VOCODER / "golden.npz") as arrays:
        found = {name: torch.from_numpy(arrays[name]) for name in arrays}
    return {**found, "mel": found["mel"].transpose(1, 2)}


def write_vocoder(folder: Path, config: VocoderConfig = SMALL_PC_NSF, seed: int = 0) -> Path:
    """Write a vocoder with seeded random weights in the field's form, and return the path of the weights."""
    torch.manual_seed(seed)
    vocoder = Vocoder(config.sizes, config.mel)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.ckpt"
    torch.save({"generator": vocoder_to_stored(vocoder.state_dict())}, path)
    (folder / "config.json").write_text(json.dumps(config.model_dump(mode="json")), encoding="utf-8")
    return path


def fused(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Fuse the weight norms of a file's tensors, as a program does that stores a vocoder for inference only."""
    plain = {name: one for name, one in weights.items() if not name.endswith(("weight_g", "weight_v"))}
    for name, direction in weights.items():
        if name.endswith("weight_v"):
            magnitude = weights[name.removesuffix("v") + "g"]
            plain[name.removesuffix("_v")] = magnitude * direction / torch.norm_except_dim(direction, 2, 0)
    return plain
