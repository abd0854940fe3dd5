"""Weights in 8 bits, for the files in the package."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

_SCALE = ".scale"


def packed(weights: Mapping[str, Tensor], n_axes: Callable[[str, Tensor], int]) -> dict[str, Tensor]:
    """Quantise tensors to 8 bits, with scales that are stored as `name.scale`, or convert them to float16.

    Args:
        weights: tensors by name.
        n_axes: function that returns the number of leading axes with separate scales, for example 1 for one scale per
            row; 0 converts the tensor to float16.
    """
    found = {}
    for name, tensor in weights.items():
        axes = n_axes(name, tensor)
        if not axes:
            found[name] = tensor.half()
            continue
        rows = tensor.flatten(axes)
        scale = (rows.abs().amax(-1) / 127).clamp_min(1e-8).half()
        steps = (rows / scale.float()[..., None]).round().clamp(-127, 127)
        found[name], found[f"{name}{_SCALE}"] = steps.to(torch.int8).reshape(tensor.shape), scale
    return found


def unpacked(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Invert `packed`; the result is in single precision."""
    found = {}
    for name, tensor in weights.items():
        scale = weights.get(f"{name}{_SCALE}")
        if scale is not None:
            found[name] = tensor.float() * scale.float().reshape(*scale.shape, *[1] * (tensor.dim() - scale.dim()))
        elif not name.endswith(_SCALE):
            found[name] = tensor.float()
    return found
