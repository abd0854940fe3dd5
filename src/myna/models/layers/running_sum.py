"""Sums that run over a whole song, where single precision would lose its digits."""

from __future__ import annotations

import torch
from torch import Tensor


def running_sum(values: Tensor, dim: int) -> Tensor:
    """The sum of all up to each along `dim`, in double precision; in single on Apple's GPUs, which have no other."""
    return values.cumsum(dim, dtype=torch.float32 if values.device.type == "mps" else torch.float64)
