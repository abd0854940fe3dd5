"""Large HuBERT, trained by Tencent Games on 10,000 hours of Mandarin (TencentGameMate/chinese_speech_pretrain).

So-vits-svc uses its last layer, after the final norm. The network was trained on recordings normalised to zero mean and
unit variance. So-vits-svc does not normalise them, so its voices need the content of unnormalised recordings.
"""

from __future__ import annotations

from pathlib import Path

from myna import assets
from myna.features.content.hubert import FAIRSEQ_NAMES, Hubert, fitting, hubert_network, read_tensors, renamed


def load_cnhubertlarge(device: str = "cpu") -> Hubert:
    """Load the large Chinese HuBERT from the weights that `assets` finds.

    Raises:
        AssetError: the weights are unavailable.
        CheckpointError: the file does not contain a HuBERT.
    """
    return read_cnhubertlarge(assets.find("cnhubertlarge"), device)


def read_cnhubertlarge(path: Path, device: str = "cpu") -> Hubert:
    """Read the large Chinese HuBERT from fairseq's checkpoint, or from weights converted for transformers."""
    weights = renamed(read_tensors(path), FAIRSEQ_NAMES)
    with fitting(path, "a HuBERT"):
        network = hubert_network(weights)
    return Hubert(network, device)
