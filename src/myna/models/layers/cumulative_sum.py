"""Cumulative sums over whole songs, for which single precision is not accurate enough."""

from __future__ import annotations

import torch
from torch import Tensor


def cumulative_sum(values: Tensor, dim: int) -> Tensor:
    """Return the cumulative sum along `dim`, in double precision except on Apple's GPUs, which support only single."""
    return values.cumsum(dim, dtype=torch.float32 if values.device.type == "mps" else torch.float64)
