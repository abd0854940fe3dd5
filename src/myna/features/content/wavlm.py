"""WavLM Base+: a HuBERT with relative positions in its attention, trained on speech mixed with noise and other talkers.

Chen et al., WavLM, 2022. So-vits-svc uses the twelfth and last layer. Recordings are not normalised: only the large
WavLM was trained on normalised recordings.
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
    """Load WavLM Base+ from the weights that `assets` finds.

    Raises:
        AssetError: the weights are unavailable.
        CheckpointError: the file does not contain a WavLM.
    """
    return read_wavlm(assets.find("wavlmbase+"), device)


def read_wavlm(path: Path, device: str = "cpu") -> Hubert:
    """Read WavLM from Microsoft's checkpoint, or from weights converted for transformers."""
    from transformers import WavLMConfig, WavLMModel

    weights = renamed(read_tensors(path), FAIRSEQ_NAMES)
    with fitting(path, "a WavLM"):
        config = WavLMConfig(**sizes_of(weights) | UNMASKED)
        with torch.device("meta"):
            model = WavLMModel(config)
        network = filled(model, weights)
    return Hubert(network, device)
