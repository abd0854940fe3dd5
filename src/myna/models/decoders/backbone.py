"""Upsampling network of HiFi-GAN (Kong, Kim and Bae 2020), used by all decoders except the source-filter one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from myna.models.layers.convolution import normalized_conv, normalized_upsampling, plain_conv
from myna.models.sizes import UpsamplingSizes

LEAK = 0.1  # slope of the rectifiers for negative inputs
PIECE_FRAMES = 128

Activation = Callable[[int], nn.Module]  # channels -> activation for (B, channels, N)
Added = Callable[[int, slice], Tensor | None]  # step, range of frames -> signal to add to the step's output


def leaky_relu(channels: int) -> nn.Module:
    """Build HiFi-GAN's activation."""
    return nn.LeakyReLU(LEAK)


def less_leaky_relu(channels: int) -> nn.Module:
    """Build HiFi-GAN's activation before the last convolution, with PyTorch's default slope of 0.01, as published."""
    return nn.LeakyReLU()


class ResidualBlock1(nn.Module):
    """Residual block of pairs of a dilated and a plain convolution, on (B, C, N); type "1" in the configuration."""

    def __init__(self, channels: int, kernel_size: int, dilations: Sequence[int], activation: Activation) -> None:
        super().__init__()
        self.dilated_convs = nn.ModuleList(
            [normalized_conv(channels, channels, kernel_size, dilation) for dilation in dilations]
        )
        self.plain_convs = nn.ModuleList([normalized_conv(channels, channels, kernel_size) for _ in dilations])
        self.activations = nn.ModuleList([activation(channels) for _ in range(2 * len(dilations))])

    def forward(self, x: Tensor) -> Tensor:
        for index, (dilated, plain) in enumerate(zip(self.dilated_convs, self.plain_convs, strict=True)):
            y = dilated(self.activations[2 * index](x))
            # Adding in place is safe: no gradient needs the convolution's output.
            x = plain(self.activations[2 * index + 1](y)).add_(x)
        return x


class ResidualBlock2(nn.Module):
    """Residual block of dilated convolutions, on (B, C, N); type "2" in the configuration."""

    def __init__(self, channels: int, kernel_size: int, dilations: Sequence[int], activation: Activation) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            [normalized_conv(channels, channels, kernel_size, dilation) for dilation in dilations]
        )
        self.activations = nn.ModuleList([activation(channels) for _ in dilations])

    def forward(self, x: Tensor) -> Tensor:
        for conv, activation in zip(self.convs, self.activations, strict=True):
            x = conv(activation(x)).add_(x)
        return x


class Backbone(nn.Module):
    """Upsample latents step by step; after each step, refine the signal with residual blocks of several kernel sizes.

    Each step halves the channels, down to `out_channels`. All steps except the first are computed in pieces of
    PIECE_FRAMES frames with context on both sides. The result is the same, but pieces need less memory and fit in the
    processor's cache.

    Args:
        normalized_input: whether the first convolution has weight normalisation; False for RVC.
    """

    def __init__(
        self, sizes: UpsamplingSizes, activation: Activation = leaky_relu, *, normalized_input: bool = True
    ) -> None:
        super().__init__()
        channels = [sizes.initial_channels // 2**step for step in range(len(sizes.rates) + 1)]
        self.out_channels = channels[-1]
        self.n_kernels = len(sizes.resblock_kernel_sizes)
        self.first_rate = sizes.rates[0]
        self.piece_frames: int | None = PIECE_FRAMES
        block = ResidualBlock1 if sizes.resblock == "1" else ResidualBlock2
        input_conv = normalized_conv if normalized_input else plain_conv
        self.input_conv = input_conv(sizes.in_channels, channels[0], kernel_size=7)
        self.upsamples = nn.ModuleList(
            [
                normalized_upsampling(wide, narrow, kernel_size, rate)
                for wide, narrow, kernel_size, rate in zip(
                    channels, channels[1:], sizes.kernel_sizes, sizes.rates, strict=False
                )
            ]
        )
        self.residual_blocks = nn.ModuleList(
            [
                block(narrow, kernel_size, dilations, activation)
                for narrow in channels[1:]
                for kernel_size, dilations in zip(sizes.resblock_kernel_sizes, sizes.resblock_dilations, strict=True)
            ]
        )
        self.activations = nn.ModuleList([activation(wide) for wide in channels[:-1]])
        self.context_frames = _context_frames(sizes, getattr(self.activations[0], "RADIUS", 0))

    def forward(
        self,
        latent: Tensor,
        condition: Tensor | None = None,
        added: Added | None = None,
        finish: Callable[[Tensor], Tensor] | None = None,
    ) -> Tensor:
        """
        Args:
            latent: (B, in_channels, T).
            condition: signal to add before the first step, (B, initial_channels, 1 or T).
            added: function that returns the signal to add after an upsampling step, given the index of the step and a
                range of frames; None adds nothing.
            finish: function applied to the result of the last step; its receptive field must be at most a few samples
                on either side.

        Returns:
            The signal, (B, out_channels, T * product of the rates), or the output of `finish`.
        """
        n_frames = latent.shape[2]
        x = self.input_conv(latent)
        if condition is not None:
            x = x + condition
        x = self._step(0, x, slice(0, n_frames), added)
        if self.piece_frames is None:
            return self._later_steps(x, slice(0, n_frames), added, finish)
        pieces = []
        for start in range(0, n_frames, self.piece_frames):
            frames = slice(
                max(0, start - self.context_frames),
                min(n_frames, start + self.piece_frames + self.context_frames),
            )
            piece = x[..., frames.start * self.first_rate : frames.stop * self.first_rate]
            piece = self._later_steps(piece, frames, added, finish)
            rate = piece.shape[2] // (frames.stop - frames.start)
            begin = (start - frames.start) * rate
            pieces.append(piece[..., begin : begin + self.piece_frames * rate])
        return torch.cat(pieces, dim=2) if len(pieces) > 1 else pieces[0]

    def exportable(self) -> nn.Module:
        self.piece_frames = None
        return self

    def _later_steps(
        self,
        x: Tensor,
        frames: slice,
        added: Added | None,
        finish: Callable[[Tensor], Tensor] | None,
    ) -> Tensor:
        """Apply all steps except the first, then `finish`, to x, which covers the range `frames`."""
        for step in range(1, len(self.upsamples)):
            x = self._step(step, x, frames, added)
        return x if finish is None else finish(x)

    def _step(self, step: int, x: Tensor, frames: slice, added: Added | None) -> Tensor:
        """Apply one upsampling step and its residual blocks."""
        x = self.upsamples[step](self.activations[step](x))
        signal = None if added is None else added(step, frames)
        if signal is not None:
            x = x.add_(signal)
        first, *others = self.residual_blocks[step * self.n_kernels : (step + 1) * self.n_kernels]
        total: Tensor = first(x)
        for block in others:
            total = total.add_(block(x))
        return total.div_(self.n_kernels)


def _context_frames(sizes: UpsamplingSizes, activation_radius: int) -> int:
    """Return the receptive field of the steps after the first, in frames on either side."""
    n_convs = 2 if sizes.resblock == "1" else 1
    block_radius = max(
        sum((kernel_size - 1) * (dilation + n_convs - 1) / 2 + n_convs * activation_radius for dilation in dilations)
        for kernel_size, dilations in zip(sizes.resblock_kernel_sizes, sizes.resblock_dilations, strict=True)
    )
    frames, rate = 1.0, sizes.rates[0]  # one latent frame for `finish`
    for kernel_size, step_rate in zip(sizes.kernel_sizes[1:], sizes.rates[1:], strict=False):
        frames += (kernel_size / step_rate + activation_radius) / rate
        rate *= step_rate
        frames += (block_radius + 1) / rate  # plus one sample for the excitation's convolution
    return math.ceil(frames)
