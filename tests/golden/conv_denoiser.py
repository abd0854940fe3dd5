"""Reference implementation of the denoiser of Diffusion-SVC 2, as a function of a state dict with its names.

Deliberately slow and simple: double precision, one operation per line of the definition, and independent of myna.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

Weights = Mapping[str, Tensor]


def shapes(
    n_mels: int, channels: int, condition_channels: int, n_layers: int, *, wide: bool, norm: bool, slopes: bool
) -> dict[str, list[int]]:
    """Names and shapes, with a depthwise kernel of 7."""
    found: dict[str, list[int]] = {}

    def add(name: str, *weight: int, bias: int | None = None) -> None:
        found[f"{name}.weight"] = list(weight)
        found[f"{name}.bias"] = [weight[0] if bias is None else bias]

    add("input_projection", channels, n_mels, 1)
    add("diffusion_embedding.1", 4 * channels, channels)
    add("diffusion_embedding.3", channels, 4 * channels)
    if wide:
        add("conditioner_projection.0", 4 * channels, condition_channels, 1)
        add("conditioner_projection.2", channels, 4 * channels, 1)
        add("output_projection.0", 4 * channels, channels, 1)
        add("output_projection.2", n_mels, 4 * channels, 1)
    else:
        add("output_projection", n_mels, channels, 1)
    for layer in range(n_layers):
        name = f"residual_layers.{layer}"
        add(f"{name}.diffusion_step_projection", channels, channels, 1)
        add(f"{name}.condition_projection", channels, channels if wide else condition_channels, 1)
        add(f"{name}.norm", channels)  # stored, but not applied
        if norm:
            add(f"{name}.conformer.net.0", channels)
        add(f"{name}.conformer.net.2", 4 * channels, channels, 1)
        add(f"{name}.conformer.net.4", 2 * channels, 1, 7)
        if slopes:
            found[f"{name}.conformer.net.5.weight"] = [2 * channels]
        add(f"{name}.conformer.net.6", channels, 2 * channels, 1)
    return found


def output(weights: Weights, mel: Tensor, level: float, condition: Tensor) -> Tensor:
    """Return the prediction (n_mels, T) for a mel spectrogram (n_mels, T), a level, and a condition (H, T)."""
    weights = {name: one.double() for name, one in weights.items()}
    x = F.gelu(_points(weights, "input_projection", mel.double()))
    half = x.shape[0] // 2
    angles = torch.tensor([level / 10000 ** (wave / (half - 1)) for wave in range(half)], dtype=torch.float64)
    embedded = torch.cat([torch.sin(angles), torch.cos(angles)])[:, None]
    embedded = _points(weights, "diffusion_embedding.1", embedded)
    embedded = _points(weights, "diffusion_embedding.3", F.gelu(embedded))
    given = condition.double()
    if "conditioner_projection.0.weight" in weights:
        given = _points(
            weights, "conditioner_projection.2", F.gelu(_points(weights, "conditioner_projection.0", given))
        )
    layer = 0
    while f"residual_layers.{layer}.conformer.net.2.weight" in weights:
        name = f"residual_layers.{layer}"
        y = x + _points(weights, f"{name}.diffusion_step_projection", embedded)
        y = y + _points(weights, f"{name}.condition_projection", given)
        if f"{name}.conformer.net.0.weight" in weights:
            y = (y - y.mean(0)) / torch.sqrt(y.var(0, correction=0) + 1e-5)
            y = (
                y * weights[f"{name}.conformer.net.0.weight"][:, None]
                + weights[f"{name}.conformer.net.0.bias"][:, None]
            )
        first, second = _points(weights, f"{name}.conformer.net.2", y).chunk(2)
        y = first / (1 + torch.exp(-second))
        kernel, bias = weights[f"{name}.conformer.net.4.weight"], weights[f"{name}.conformer.net.4.bias"]
        padded = F.pad(y, (3, 3))
        y = (
            torch.stack([(padded[:, t : t + 7] * kernel[:, 0]).sum(1) for t in range(y.shape[1])], dim=1)
            + bias[:, None]
        )
        if f"{name}.conformer.net.5.weight" in weights:
            y = torch.where(y > 0, y, y * weights[f"{name}.conformer.net.5.weight"][:, None])
        else:
            y = y / (1 + torch.exp(-y))
        x = x + _points(weights, f"{name}.conformer.net.6", y)
        layer += 1
    if "output_projection.0.weight" in weights:
        return _points(weights, "output_projection.2", F.gelu(_points(weights, "output_projection.0", x)))
    return _points(weights, "output_projection", x)


def seeded(names: Mapping[str, list[int]]) -> dict[str, Tensor]:
    """Return random weights, scaled to keep the size of the signals."""
    torch.manual_seed(0)
    return {name: torch.randn(size) / math.sqrt(math.prod(size[1:]) or 1) for name, size in names.items()}


def _points(weights: Weights, name: str, x: Tensor) -> Tensor:
    """Apply a linear layer, or a convolution with a kernel of 1, to each frame."""
    weight = weights[f"{name}.weight"]
    return weight.reshape(weight.shape[:2]) @ x + weights[f"{name}.bias"][:, None]
