"""HuBERT-Soft: a HuBERT with a projection to soft speech units.

van Niekerk et al., A Comparison of Discrete and Soft Speech Units for Improved Voice Conversion, ICASSP 2022. The
weights are from the authors (github.com/bshall/hubert): a state dict with its own parameter names.
"""

from __future__ import annotations

from pathlib import Path

from myna import assets
from myna.features.content.hubert import (
    POSITIONS,
    PROJECTION,
    Hubert,
    fitting,
    hubert_network,
    read_tensors,
    renamed,
)

MARGIN_SAMPLES = 40  # silence added on each side, so that N samples give N // 320 frames

_NAMES = (
    (r"^module\.", ""),
    (r"^proj\.", PROJECTION),
    (r"^norm\.", "encoder.layer_norm."),
    (r"^positional_embedding\.conv\.", POSITIONS),
    (r"^feature_projection\.norm\.", "feature_projection.layer_norm."),
    (r"^feature_extractor\.conv(\d)\.", r"feature_extractor.conv_layers.\1.conv."),
    (r"^feature_extractor\.norm0\.", "feature_extractor.conv_layers.0.layer_norm."),
    (r"\.self_attn\.", ".attention."),
    (r"\.linear1\.", ".feed_forward.intermediate_dense."),
    (r"\.linear2\.", ".feed_forward.output_dense."),
    (r"\.norm1\.", ".layer_norm."),
    (r"\.norm2\.", ".final_layer_norm."),
)


def load_hubertsoft(device: str = "cpu") -> Hubert:
    """Load HuBERT-Soft from the weights that `assets` finds.

    Raises:
        AssetError: the weights are unavailable.
        CheckpointError: the file does not contain a HuBERT-Soft.
    """
    return read_hubertsoft(assets.find("hubertsoft"), device)


def read_hubertsoft(path: Path, device: str = "cpu") -> Hubert:
    """Read HuBERT-Soft from a weights file."""
    weights = renamed(read_tensors(path), _NAMES)
    for key in [key for key in weights if ".in_proj_" in key]:
        # PyTorch's attention stores the projections of queries, keys and values in one matrix.
        layer, kind = key.split("in_proj_")
        parts = weights.pop(key).chunk(3)
        weights |= {f"{layer}{one}_proj.{kind}": part for one, part in zip("qkv", parts, strict=True)}
    with fitting(path, "a HuBERT-Soft"):
        network = hubert_network(weights, projected=True)
    return Hubert(network, device, margin=MARGIN_SAMPLES)
