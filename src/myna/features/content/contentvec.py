"""ContentVec: HuBERT trained further so that its content is independent of the speaker.

Qian et al., ContentVec, ICML 2022. So-vits-svc uses the twelfth layer or, for older voices, a projection of the ninth
layer. The weights are lengyue233's conversion for the Python package `transformers`.
"""

from __future__ import annotations

from pathlib import Path

from myna import assets
from myna.features.content.hubert import UNMASKED, Hubert, fitting, hubert_network, read_tensors
from myna.storage.json_file import read_json


def load_contentvec(layer: int, *, projected: bool, device: str = "cpu") -> Hubert:
    """Load ContentVec up to `layer` from the weights that `assets` finds.

    Raises:
        AssetError: the weights are unavailable.
        CheckpointError: the file does not contain a ContentVec.
    """
    return read_contentvec(assets.find("contentvec"), layer, projected=projected, device=device)


def read_contentvec(path: Path, layer: int, *, projected: bool, device: str = "cpu") -> Hubert:
    """Read ContentVec from a safetensors or PyTorch file, without the layers above `layer`.

    Settings that cannot be inferred from the shapes are read from the `config.json` beside `path`, or else are those of
    HuBERT base.
    """
    weights = read_tensors(path)
    beside = path.with_name("config.json")
    with fitting(path, "the ContentVec that was asked for"):
        settings = read_json(beside) if beside.is_file() else {}
        network = hubert_network(weights, projected=projected, **settings | UNMASKED | {"num_hidden_layers": layer})
    return Hubert(network, device)
