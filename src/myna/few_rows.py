"""Linear layers for a few frames at once. Their time is determined by reading the weights from memory."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


class FewRows(nn.Module):
    """Linear layer with weights stored by input channel: a third faster for 2 to 4 rows, equally fast for 1 row."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        """
        Args:
            weight: (out_channels, in_channels), which is copied.
        """
        super().__init__()
        self.weight = nn.Parameter(weight.detach().T.contiguous(), requires_grad=False)
        self.bias = None if bias is None else nn.Parameter(bias.detach().clone(), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map rows (T, in_channels) to (T, out_channels)."""
        return x @ self.weight if self.bias is None else torch.addmm(self.bias, x, self.weight)


def for_few_rows(network: Network) -> Network:
    """Return a copy of `network` for streams, with a `FewRows` in place of each linear layer."""
    copied = copy.deepcopy(network).requires_grad_(False)
    for name, part in list(copied.named_modules()):
        if isinstance(part, nn.Linear):
            copied.set_submodule(name, FewRows(part.weight, part.bias))
    return copied
