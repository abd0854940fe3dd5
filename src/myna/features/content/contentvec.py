"""ContentVec: HuBERT, taught to forget the speaker.

Qian et al., ContentVec, ICML 2022. So-vits-svc hears with its twelfth layer, or, in older voices, with a projection of
the ninth. The weights are those that lengyue233 converted for transformers.
"""

from __future__ import annotations

import json
from pathlib import Path

from myna import assets
from myna.features.content.hubert import UNMASKED, Hubert, fitting, hubert_network, read_tensors


def load_contentvec(layer: int, *, projected: bool, device: str = "cpu") -> Hubert:
    """ContentVec as heard at `layer`, found by `assets`.

    Raises:
        AssetError: its weights cannot be had.
        CheckpointError: the file is not a ContentVec.
    """
    return read_contentvec(assets.find("contentvec"), layer, projected=projected, device=device)


def read_contentvec(path: Path, layer: int, *, projected: bool, device: str = "cpu") -> Hubert:
    """ContentVec from its weights, safetensors or PyTorch's, without the layers above `layer`.

    What their shapes do not tell is in the `config.json` beside `path`; where there is none, it is as in HuBERT base.
    """
    weights = read_tensors(path)
    beside = path.with_name("config.json")
    settings = json.loads(beside.read_text("utf-8")) if beside.is_file() else {}
    with fitting(path, "the ContentVec that was asked for"):
        network = hubert_network(weights, projected=projected, **settings | UNMASKED | {"num_hidden_layers": layer})
    return Hubert(network, device)
