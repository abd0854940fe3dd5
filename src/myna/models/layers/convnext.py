"""Residual blocks over time in the style of ConvNeXt (Liu et al. 2022), with norms conditioned on the speaker."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from myna.models.layers.convolution import TimeConv1d

KERNEL_SIZE = 7
EXPANSION = 3
INITIAL_SCALE = 0.2  # initial scale of the residual branch


class SpeakerBlock(nn.Module):
    """Residual block that maps (B, C, T) to (B, C, T), with a receptive field of 7 frames.

    The receptive field of a causal block ends at the present frame; that of another one is centred at it.
    """

    def __init__(self, channels: int, speaker_channels: int, *, causal: bool) -> None:
        super().__init__()
        self.depthwise = TimeConv1d(channels, channels, KERNEL_SIZE, causal=causal, groups=channels)
        self.speaker_projection = nn.Linear(speaker_channels, 2 * channels)
        self.widen = nn.Linear(channels, EXPANSION * channels)
        self.narrow = nn.Linear(EXPANSION * channels, channels)
        self.scale = nn.Parameter(torch.full((channels,), INITIAL_SCALE))
        nn.init.zeros_(self.speaker_projection.weight)
        nn.init.zeros_(self.speaker_projection.bias)

    @property
    def left(self) -> int:
        """Number of earlier frames on which a frame depends."""
        return self.depthwise.left

    @property
    def right(self) -> int:
        """Number of later frames on which a frame depends."""
        return self.depthwise.right

    def forward(self, x: Tensor, speaker: Tensor) -> Tensor:
        """
        Args:
            speaker: speaker embedding, (B, speaker_channels, 1), or (B, speaker_channels, T) if it changes with time.
        """
        change = self.change(self.depthwise(x).transpose(1, 2), speaker.transpose(1, 2))
        return x + change.transpose(1, 2)

    def change(self, mixed: Tensor, speaker: Tensor) -> Tensor:
        """Return the residual (..., T, C) from the output of the depthwise convolution, (..., T, C).

        Args:
            speaker: speaker embedding, (..., 1 or T, speaker_channels).
        """
        gain, offset = self.speaker_projection(speaker).chunk(2, dim=-1)
        normed = F.layer_norm(mixed, mixed.shape[-1:]) * (1 + gain) + offset
        change: Tensor = self.narrow(F.gelu(self.widen(normed))) * self.scale
        return change
