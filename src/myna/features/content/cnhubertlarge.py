"""The large HuBERT that Tencent Games trained on 10,000 hours of Mandarin (TencentGameMate/chinese_speech_pretrain).

So-vits-svc hears with its last layer, behind the norm that ends the network. It does not bring the recording to zero
mean and unit variance first, as this HuBERT's training did, and its voices know it that way.
"""

from __future__ import annotations

from pathlib import Path

from myna import assets
from myna.features.content.hubert import FAIRSEQ_NAMES, Hubert, fitting, hubert_network, read_tensors, renamed


def load_cnhubertlarge(device: str = "cpu") -> Hubert:
    """The large Chinese HuBERT, found by `assets`.

    Raises:
        AssetError: its weights cannot be had.
        CheckpointError: the file is not a HuBERT.
    """
    return read_cnhubertlarge(assets.find("cnhubertlarge"), device)


def read_cnhubertlarge(path: Path, device: str = "cpu") -> Hubert:
    """It from its weights: fairseq's checkpoint, or those that were converted for transformers."""
    weights = renamed(read_tensors(path), FAIRSEQ_NAMES)
    with fitting(path, "a HuBERT"):
        network = hubert_network(weights)
    return Hubert(network, device)
