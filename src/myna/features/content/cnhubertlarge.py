"""Large HuBERT, trained by Tencent Games on 10,000 hours of Mandarin (TencentGameMate/chinese_speech_pretrain).

So-vits-svc uses its last layer, after the final norm. Unlike this HuBERT's training, so-vits-svc does not normalise the
recording to zero mean and unit variance; its voices need content without that.
"""

from __future__ import annotations

from pathlib import Path

from myna import assets
from myna.features.content.hubert import FAIRSEQ_NAMES, Hubert, fitting, hubert_network, read_tensors, renamed


def load_cnhubertlarge(device: str = "cpu") -> Hubert:
    """Load the large Chinese HuBERT from the weights that `assets` finds.

    Raises:
        AssetError: its weights are unavailable.
        CheckpointError: the file is not a HuBERT.
    """
    return read_cnhubertlarge(assets.find("cnhubertlarge"), device)


def read_cnhubertlarge(path: Path, device: str = "cpu") -> Hubert:
    """Read it from weights: fairseq's checkpoint, or weights converted for transformers."""
    weights = renamed(read_tensors(path), FAIRSEQ_NAMES)
    with fitting(path, "a HuBERT"):
        network = hubert_network(weights)
    return Hubert(network, device)
