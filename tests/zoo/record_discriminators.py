"""Record tensor names and outputs of so-vits-svc-fork's discriminators; run once, in an environment with the fork.

python record_discriminators.py > discriminators.json
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def formula_weights(shapes: Mapping[str, list[int]]) -> dict[str, Tensor]:
    """Weights that are reproducible on any machine, yet as varied as random ones."""
    weights = {}
    for index, (name, shape) in enumerate(shapes.items()):
        tensor = torch.empty(shape)
        steps = torch.arange(tensor.numel(), dtype=torch.float64)
        wave = torch.sin(steps * steps % 1009 + index).reshape(shape).float()
        weights[name] = 1 + 0.5 * wave if name.endswith("weight_g") else 0.1 * wave
    return weights


def signal() -> Tensor:
    """(1, 1, 1000), a length that is divisible by the periods 2 and 5 only."""
    time = torch.arange(1000, dtype=torch.float64)
    return (0.4 * torch.sin(time * 0.05) + 0.2 * torch.sin(time * 0.31)).float()[None, None]


def digest(scores: list[Tensor], feature_maps: list[list[Tensor]]) -> dict[str, Any]:
    """A few numbers of each discriminator."""
    return {
        "scores": [score[0, :8].tolist() for score in scores],
        "feature_means": [[float(one.abs().mean()) for one in maps] for maps in feature_maps],
    }


if __name__ == "__main__":
    from so_vits_svc_fork.modules.descriminators import MultiPeriodDiscriminator

    judges = MultiPeriodDiscriminator(False)
    shapes = {name: list(tensor.shape) for name, tensor in judges.state_dict().items()}
    assert list(shapes) == [name for name, _ in judges.named_parameters()]
    judges.load_state_dict(formula_weights(shapes))
    with torch.inference_mode():
        scores, _, feature_maps, _ = judges(signal(), signal())
    print(json.dumps({"shapes": shapes, **digest(scores, feature_maps)}, indent=1))
