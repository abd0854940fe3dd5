"""The upsampling network of HiFi-GAN (Kong, Kim and Bae 2020), which all decoders are built around."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from myna.config import ModelConfig
from myna.models.layers.convolution import normalized_conv, normalized_upsampling, plain_conv

LEAK = 0.1  # slope of the rectifiers below zero
PIECE_FRAMES = 128

Activation = Callable[[int], nn.Module]  # channels -> the activation for (B, channels, N)


def leaky_relu(channels: int) -> nn.Module:
    """The activation of HiFi-GAN."""
    return nn.LeakyReLU(LEAK)


def less_leaky_relu(channels: int) -> nn.Module:
    """The activation before the last convolution of HiFi-GAN, with torch's slope of 0.01, as it was published."""
    return nn.LeakyReLU()


class Waveform(NamedTuple):
    """What a decoder makes."""

    audio: Tensor  # (B, 1, N)
    subbands: Tensor | None = None  # (B, n_subbands, N / n_subbands), of the multi-band decoder


class ResidualBlock1(nn.Module):
    """Residual pairs of a dilated and a plain convolution (B, C, N) -> (B, C, N); `resblock` "1" in a config."""

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
            # In place on the convolution's own output, which no gradient needs.
            x = plain(self.activations[2 * index + 1](y)).add_(x)
        return x


class ResidualBlock2(nn.Module):
    """Residual dilated convolutions (B, C, N) -> (B, C, N); `resblock` "2" in a config."""

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
    """Upsample latents step by step, refining each step by residual blocks of several kernel sizes.

    Half of the channels remain after each step: `out_channels` at the end. All steps but the first are computed in
    pieces of PIECE_FRAMES, each with as much context as reaches into it: the result is that of computing them at once,
    but memory does not grow with the song, and a piece stays in the processor's cache. RVC's does not normalise the
    weight of the first convolution.
    """

    def __init__(
        self, model: ModelConfig, activation: Activation = leaky_relu, *, normalized_input: bool = True
    ) -> None:
        super().__init__()
        channels = [model.upsample_initial_channels // 2**step for step in range(len(model.upsample_rates) + 1)]
        self.out_channels = channels[-1]
        self.n_kernels = len(model.resblock_kernel_sizes)
        self.first_rate = model.upsample_rates[0]
        block = ResidualBlock1 if model.resblock == "1" else ResidualBlock2
        input_conv = normalized_conv if normalized_input else plain_conv
        self.input_conv = input_conv(model.latent_channels, channels[0], kernel_size=7)
        self.upsamples = nn.ModuleList(
            [
                normalized_upsampling(wide, narrow, kernel_size, rate)
                for wide, narrow, kernel_size, rate in zip(
                    channels, channels[1:], model.upsample_kernel_sizes, model.upsample_rates, strict=False
                )
            ]
        )
        self.residual_blocks = nn.ModuleList(
            [
                block(narrow, kernel_size, dilations, activation)
                for narrow in channels[1:]
                for kernel_size, dilations in zip(
                    model.resblock_kernel_sizes, model.resblock_dilation_sizes, strict=True
                )
            ]
        )
        self.activations = nn.ModuleList([activation(wide) for wide in channels[:-1]])
        self.context_frames = _context_frames(model, getattr(self.activations[0], "RADIUS", 0))

    def forward(
        self,
        latent: Tensor,
        condition: Tensor | None = None,
        added: Callable[[int, slice], Tensor] | None = None,
        finish: Callable[[Tensor], Tensor] | None = None,
    ) -> Tensor:
        """
        Args:
            latent: (B, latent_channels, T).
            condition: added before the first step, (B, upsample_initial_channels, 1 or T).
            added: what to add after upsampling, given the index of the step and the frames.
            finish: what else to do with the result, at the highest rate. It may look at a few samples to either side.

        Returns:
            (B, out_channels, T * product of the rates), or what `finish` makes of it.
        """
        n_frames = latent.shape[2]
        x = self.input_conv(latent)
        if condition is not None:
            x = x + condition
        x = self._step(0, x, slice(0, n_frames), added)
        pieces = []
        for start in range(0, n_frames, PIECE_FRAMES):
            frames = slice(
                max(0, start - self.context_frames),
                min(n_frames, start + PIECE_FRAMES + self.context_frames),
            )
            piece = x[..., frames.start * self.first_rate : frames.stop * self.first_rate]
            for step in range(1, len(self.upsamples)):
                piece = self._step(step, piece, frames, added)
            if finish is not None:
                piece = finish(piece)
            rate = piece.shape[2] // (frames.stop - frames.start)
            begin = (start - frames.start) * rate
            pieces.append(piece[..., begin : begin + PIECE_FRAMES * rate])
        return torch.cat(pieces, dim=2) if len(pieces) > 1 else pieces[0]

    def _step(self, step: int, x: Tensor, frames: slice, added: Callable[[int, slice], Tensor] | None) -> Tensor:
        """Upsample and refine once."""
        x = self.upsamples[step](self.activations[step](x))
        if added is not None:
            x = x.add_(added(step, frames))
        first, *others = self.residual_blocks[step * self.n_kernels : (step + 1) * self.n_kernels]
        total: Tensor = first(x)
        for block in others:
            total = total.add_(block(x))
        return total.div_(self.n_kernels)


def _context_frames(model: ModelConfig, activation_radius: int) -> int:
    """How many frames to either side reach into the output of the steps after the first."""
    n_convs = 2 if model.resblock == "1" else 1
    block_radius = max(
        sum((kernel_size - 1) * (dilation + n_convs - 1) / 2 + n_convs * activation_radius for dilation in dilations)
        for kernel_size, dilations in zip(model.resblock_kernel_sizes, model.resblock_dilation_sizes, strict=True)
    )
    frames, rate = 1.0, model.upsample_rates[0]  # one for what finishes
    for kernel_size, step_rate in zip(model.upsample_kernel_sizes[1:], model.upsample_rates[1:], strict=False):
        frames += (kernel_size / step_rate + activation_radius) / rate
        rate *= step_rate
        frames += (block_radius + 1) / rate  # and one sample that the excitation's convolution looks aside
    return math.ceil(frames)
