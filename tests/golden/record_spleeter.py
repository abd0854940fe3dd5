"""Record the outputs of torchspleeter's U-Net for seeded random weights.

    python tests/golden/record_spleeter.py torchspleeter-0.1.5-py3-none-any.whl

Only the module of the network is imported, because the package imports libraries that are not needed.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

GOLDEN = Path(__file__).parent / "spleeter.npz"
FRAMES, EVERY = 64, 8  # frames of the input; every 8th frequency of the output is stored


def seeded_weights(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Random weights by tensor name, with variances that keep the signal at one level."""
    random = np.random.RandomState(0)
    weights = {}
    for name, shape in sorted(shapes.items()):
        drawn = random.standard_normal(shape).astype(np.float32)
        if len(shape) > 1:
            fan_in = np.prod(shape[2:]) * (shape[0] / 4 if name.startswith("up") and shape[0] > 2 else shape[1])
            weights[name] = drawn / np.float32(np.sqrt(fan_in))
        elif name.endswith(("running_var", "weight")):
            weights[name] = 1 + 0.1 * np.abs(drawn)
        else:
            weights[name] = 0.1 * drawn
    return weights


def recorded_shapes(golden: Mapping[str, np.ndarray]) -> dict[str, tuple[int, ...]]:
    """Shapes of the weights by tensor name, as `record` stores them."""
    rows = zip(golden["names"], golden["shapes"], strict=True)
    return {str(name): tuple(int(size) for size in row if size) for name, row in rows}


def magnitudes() -> np.ndarray:
    """Input of the network, (1, 2, FRAMES, 1024)."""
    return np.abs(np.random.RandomState(1).standard_normal((1, 2, FRAMES, 1024))).astype(np.float32)


@torch.inference_mode()
def record(wheel: Path) -> None:
    module: Any = ModuleType("unet")
    exec(zipfile.ZipFile(wheel).read("torchspleeter/unet.py"), module.__dict__)
    network = module.UNet(2).eval()
    shapes = {
        name: tuple(one.shape) for name, one in network.state_dict().items() if not name.endswith("num_batches_tracked")
    }
    weights = seeded_weights(shapes)
    network.load_state_dict({name: torch.from_numpy(one) for name, one in weights.items()}, strict=False)
    output = network(torch.from_numpy(magnitudes())).numpy()[..., ::EVERY]
    padded = [(*shape, *[0] * (4 - len(shape))) for shape in shapes.values()]
    np.savez_compressed(GOLDEN, output=output, names=list(shapes), shapes=padded)


if __name__ == "__main__":
    record(Path(sys.argv[1]))
