"""WavLM Base+: HuBERT, taught with noise and other talkers, whose attention also knows how far apart frames are.

Chen et al., WavLM, 2022. So-vits-svc hears with its twelfth and last layer. The recording is not normalised: only the
large WavLM was trained so.
"""

from __future__ import annotations

from pathlib import Path

import torch

from myna import assets
from myna.features.content.hubert import (
    FAIRSEQ_NAMES,
    UNMASKED,
    Hubert,
    filled,
    fitting,
    read_tensors,
    renamed,
    sizes_of,
)


def load_wavlm(device: str = "cpu") -> Hubert:
    """WavLM Base+, found by `assets`.

    Raises:
        AssetError: its weights cannot be had.
        CheckpointError: the file is not a WavLM.
    """
    return read_wavlm(assets.find("wavlmbase+"), device)


def read_wavlm(path: Path, device: str = "cpu") -> Hubert:
    """WavLM from its weights: Microsoft's checkpoint, or those that were converted for transformers."""
    from transformers import WavLMConfig, WavLMModel

    weights = renamed(read_tensors(path), FAIRSEQ_NAMES)
    with fitting(path, "a WavLM"):
        config = WavLMConfig(**sizes_of(weights) | UNMASKED)
        with torch.device("meta"):
            model = WavLMModel(config)
        network = filled(model, weights)
    return Hubert(network, device)
