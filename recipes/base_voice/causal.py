"""Make the initial weights of a causal light voice from the base weights of one that looks ahead.

Each kernel is moved to the past, so that its middle is at the present frame. Its part for later frames is added to the
present frame: the output for an unchanging input stays the same.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import torch
from torch import Tensor

from myna.storage import checkpoint
from myna.storage.checkpoint import Checkpoint

UPSAMPLING = "dec.upsample.weight"


def causal_kernel(kernel: Tensor) -> Tensor:
    """Move a centred kernel (..., size) to the past."""
    middle = kernel.shape[-1] // 2
    moved = torch.zeros_like(kernel)
    moved[..., middle:] = kernel[..., : middle + 1]
    moved[..., -1] += kernel[..., middle + 1 :].sum(-1)
    return moved


def causal_upsampling(kernel: Tensor) -> Tensor:
    """Move the kernel (..., 2 * rate) of a `TimeUpsampling`, whose last rate // 2 frames look ahead, to the past."""
    rate = kernel.shape[-1] // 2
    ahead = rate // 2
    moved = torch.zeros_like(kernel)
    moved[..., : 2 * rate - ahead] = kernel[..., ahead:]
    moved[..., rate - ahead : rate] += kernel[..., :ahead]
    return moved


def make_causal(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    kernels = {name: kernel.float() for name, kernel in weights.items() if kernel.dim() == 3}
    return weights | {
        name: causal_upsampling(kernel) if name == UPSAMPLING else causal_kernel(kernel)
        for name, kernel in kernels.items()
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", type=Path, help="folder with G_0.pth and D_0.pth of a voice that looks ahead")
    parser.add_argument("logs", type=Path, help="logs/44k of the training run of the causal voice")
    a = parser.parse_args(arguments)
    one = checkpoint.read(a.base / "G_0.pth")
    a.logs.mkdir(parents=True, exist_ok=True)
    checkpoint.write(a.logs / "G_0.pth", Checkpoint(make_causal(one.weights), 0, 0.0, None, one.extra))
    shutil.copy(a.base / "D_0.pth", a.logs)


if __name__ == "__main__":
    main()
