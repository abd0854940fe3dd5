"""Cumulative sums over whole songs, where single precision loses too many digits."""

from __future__ import annotations

import torch
from torch import Tensor


def cumulative_sum(values: Tensor, dim: int) -> Tensor:
    """Sum along `dim` in double precision; in single precision on Apple's GPUs, which lack double."""
    return values.cumsum(dim, dtype=torch.float32 if values.device.type == "mps" else torch.float64)
