"""Convolutions over time, plain and with weight normalisation (Salimans and Kingma 2016).

If no gradients are needed, a CPU computes them as two-dimensional convolutions over an image of height 1 in
channels-last layout. oneDNN computes in this layout; for a one-dimensional convolution, it would convert the data to
this layout and back at every call. Elementwise operations between the convolutions keep the layout. A HiFi-GAN takes a
fifth less time. If gradients are computed, this layout is not faster.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import weight_norm


class Conv1d(nn.Conv1d):
    """`nn.Conv1d` that is faster on a CPU without gradients."""

    def forward(self, input: Tensor) -> Tensor:
        if not input.is_cpu or torch.is_grad_enabled():
            return super().forward(input)
        image = input.unsqueeze(2).contiguous(memory_format=torch.channels_last)
        padding, weight = (0, *self.padding), self.weight.unsqueeze(2)
        stride, dilation = (1, *self.stride), (1, *self.dilation)
        return F.conv2d(image, weight, self.bias, stride, padding, dilation, self.groups).squeeze(2)


class ConvTranspose1d(nn.ConvTranspose1d):
    """`nn.ConvTranspose1d` that is faster on a CPU without gradients."""

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        if not input.is_cpu or torch.is_grad_enabled():
            return super().forward(input, output_size)
        image = input.unsqueeze(2).contiguous(memory_format=torch.channels_last)
        padding, weight = (0, *self.padding), self.weight.unsqueeze(2)
        return F.conv_transpose2d(image, weight, self.bias, (1, *self.stride), padding).squeeze(2)


class TimeConv1d(nn.Conv1d):
    """Convolution over time that keeps the number of frames: (B, in_channels, T) to (B, out_channels, T).

    An output frame depends on `left` earlier frames and `right` later frames. A causal convolution has `right` = 0.
    """

    def __init__(self, in_channels: int, out_channels: int, size: int, *, causal: bool, groups: int = 1) -> None:
        super().__init__(in_channels, out_channels, size, groups=groups)
        self.right = 0 if causal else size // 2
        self.left = size - 1 - self.right

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(F.pad(input, (self.left, self.right)))


class TimeUpsampling(nn.ConvTranspose1d):
    """Transposed convolution whose kernel spans two frames: (B, channels, T) to (B, channels, T * rate).

    `right` is the number of output frames by which the result is ahead of the layer's causal result: an output frame
    that belongs to input frame t depends on the frames t - 1 and t, or, for the last `right` output frames of t, on t
    and t + 1.
    """

    def __init__(self, channels: int, rate: int, *, causal: bool) -> None:
        super().__init__(channels, channels, 2 * rate, rate)
        self.rate = rate
        self.right = 0 if causal else rate // 2

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        return super().forward(input)[..., self.right : self.right + input.shape[2] * self.rate]


def plain_conv(
    in_channels: int, out_channels: int, kernel_size: int, dilation: int = 1, groups: int = 1, bias: bool = True
) -> Conv1d:
    """Build a convolution that keeps the length: (B, in_channels, T) to (B, out_channels, T)."""
    padding = (kernel_size - 1) * dilation // 2
    return Conv1d(in_channels, out_channels, kernel_size, padding=padding, dilation=dilation, groups=groups, bias=bias)


def normalized_conv(
    in_channels: int, out_channels: int, kernel_size: int, dilation: int = 1, groups: int = 1, bias: bool = True
) -> Conv1d:
    """Build a `plain_conv` with weight normalisation."""
    normalized: Conv1d = weight_norm(plain_conv(in_channels, out_channels, kernel_size, dilation, groups, bias))
    return normalized


def normalized_upsampling(in_channels: int, out_channels: int, kernel_size: int, rate: int) -> ConvTranspose1d:
    """Build a weight-normalised transposed convolution: (B, in_channels, T) to (B, out_channels, T * rate)."""
    conv = ConvTranspose1d(in_channels, out_channels, kernel_size, stride=rate, padding=(kernel_size - rate) // 2)
    normalized: ConvTranspose1d = weight_norm(conv)
    return normalized


class DepthwiseSeparableConv(nn.Module):
    """Depthwise convolution over time and pointwise convolution: (B, in_channels, T) to (B, out_channels, T).

    With kernel size k, it needs about 1 / k of the multiplications of a full convolution. Tiny voices of so-vits-svc
    4.1 use it.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, dilation: int = 1) -> None:
        super().__init__()
        self.depthwise = normalized_conv(in_channels, in_channels, kernel_size, dilation, groups=in_channels)
        self.pointwise = normalized_conv(in_channels, out_channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = self.pointwise(self.depthwise(x))
        return mixed


def fuse_weight_norm(module: nn.Module) -> None:
    """Replace each normalised weight in `module` by a plain weight, which gives the same output in less time."""
    for part in module.modules():
        if parametrize.is_parametrized(part, "weight"):
            parametrize.remove_parametrizations(part, "weight", leave_parametrized=True)
