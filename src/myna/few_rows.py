"""Linear layers for a few frames at once. Their time is determined by reading the weights from memory."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)

# Engines with a product of 32-bit numbers and 16-bit weights; it needs x86.
_ENGINES = ("x86", "fbgemm")
_LOW_SCALE = 2.0**11  # a weight minus its 16-bit value is smaller than the weight by at least this factor
_LARGEST_STEP = 127  # of 8-bit weights, see `storage.quantization`


class FewRows(nn.Module):
    """A linear layer with the accuracy of 32-bit weights, two to three times as fast for 1 to 4 rows.

    The weights are stored as 16-bit numbers, so usually only half as many bytes are read from memory. Weights that were
    stored with 16 bits, as in released voices, are used unchanged. Weights that were stored with 8 bits and a scale per
    output channel, as in the bundled encoder, are used unscaled, and the output is scaled. Other weights are split into
    a sum of two 16-bit tensors. If PyTorch has no 16-bit product for the device, 32-bit weights are stored by input
    channel, which is a third faster than by output channel for 2 to 4 rows.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        """
        Args:
            weight: (out_channels, in_channels), which is copied.
        """
        super().__init__()
        weight = weight.detach().float()
        self.out_channels = len(weight)
        self._bias = None if bias is None else bias.detach().float()
        self._scale: Tensor | None = None  # factor of each output channel
        self._transposed: Tensor | None = None
        self._packed: list[object] = []
        if torch.backends.quantized.engine not in _ENGINES or weight.device.type != "cpu":
            self._transposed = weight.T.contiguous()
            return
        scale = (weight.abs().amax(1, keepdim=True) / _LARGEST_STEP).clamp(min=torch.finfo(torch.float32).tiny)
        steps = (weight / scale).round()
        if torch.equal(steps * scale, weight):
            self._scale, parts = scale[:, 0], [steps]
        else:
            high = weight.half().float()
            low = (weight - high) * _LOW_SCALE
            parts = [high, low] if low.any() else [high]
        self._packed = [torch.ops.quantized.linear_prepack_fp16(part, None) for part in parts]

    def forward(self, x: Tensor) -> Tensor:
        """Map rows (T, in_channels) to (T, out_channels)."""
        if not len(x):
            return x.new_zeros(0, self.out_channels)
        if self._transposed is not None:
            return x @ self._transposed if self._bias is None else torch.addmm(self._bias, x, self._transposed)
        y: Tensor
        y, *low = (torch.ops.quantized.linear_dynamic_fp16(x, part) for part in self._packed)
        for part in low:
            y.add_(part, alpha=1 / _LOW_SCALE)
        if self._scale is not None:
            y = y * self._scale
        return y if self._bias is None else y.add_(self._bias)


def for_few_rows(network: Network) -> Network:
    """Return a copy of `network` for streams, with a `FewRows` in place of each linear layer."""
    copied = copy.deepcopy(network).requires_grad_(False)
    for name, part in list(copied.named_modules()):
        if isinstance(part, nn.Linear):
            copied.set_submodule(name, FewRows(part.weight, part.bias))
    return copied
