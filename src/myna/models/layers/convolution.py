"""Convolutions over time with weight normalisation (Salimans and Kingma 2016), as VITS and HiFi-GAN use them."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import weight_norm


def normalized_conv(
    in_channels: int, out_channels: int, kernel_size: int, dilation: int = 1, groups: int = 1, bias: bool = True
) -> nn.Conv1d:
    """A weight-normalised convolution that keeps the length: (B, in_channels, T) -> (B, out_channels, T)."""
    padding = (kernel_size - 1) * dilation // 2
    conv = nn.Conv1d(
        in_channels, out_channels, kernel_size, padding=padding, dilation=dilation, groups=groups, bias=bias
    )
    normalized: nn.Conv1d = weight_norm(conv)
    return normalized


def normalized_upsampling(in_channels: int, out_channels: int, kernel_size: int, rate: int) -> nn.ConvTranspose1d:
    """A weight-normalised transposed convolution: (B, in_channels, T) -> (B, out_channels, T * rate)."""
    conv = nn.ConvTranspose1d(in_channels, out_channels, kernel_size, stride=rate, padding=(kernel_size - rate) // 2)
    normalized: nn.ConvTranspose1d = weight_norm(conv)
    return normalized


class DepthwiseSeparableConv(nn.Module):
    """A convolution in two: one filter a channel over time, then a mix of the channels; for the tiny voices.

    (B, in_channels, T) -> (B, out_channels, T). With a kernel of k it takes about k times fewer multiplications.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, dilation: int = 1) -> None:
        super().__init__()
        self.depthwise = normalized_conv(in_channels, in_channels, kernel_size, dilation, groups=in_channels)
        self.pointwise = normalized_conv(in_channels, out_channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = self.pointwise(self.depthwise(x))
        return mixed


def fuse_weight_norm(module: nn.Module) -> None:
    """Turn every weight norm inside `module` into a plain weight: same output, less work at each call."""
    for part in module.modules():
        if parametrize.is_parametrized(part, "weight"):
            parametrize.remove_parametrizations(part, "weight", leave_parametrized=True)
