"""Denoiser of mel spectrograms: the residual network of DiffWave (Kong et al. 2021), as in DiffSinger.

noisy mel ──► input conv ──► layer ──► layer ──► ... ──► sum of the skip outputs ──► output convs ──► noise or velocity
                               ▲ level, condition
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from myna.models.layers.convolution import plain_conv
from myna.models.sizes import RefinerSizes

_KERNEL_SIZE = 3
EXPANSION = 4  # hidden channels of the level's embedding, relative to `channels`
_LONGEST_WAVE = 10000.0  # longest wave of the level's embedding, divided by 2 pi


class LevelWaves(nn.Module):
    """Sines and cosines of a noise level at `channels / 2` frequencies (Vaswani et al. 2017)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, level: Tensor) -> Tensor:
        """Return the waves (B, channels) of noise levels (B,), which need not be whole numbers."""
        n_waves = self.channels // 2
        exponents = torch.arange(n_waves, device=level.device) * (-math.log(_LONGEST_WAVE) / (n_waves - 1))
        angles = level.unsqueeze(1) * exponents.exp()
        return torch.cat([angles.sin(), angles.cos()], dim=1)


class DenoiserLayer(nn.Module):
    """Gated residual convolution, conditioned on the noise level and on the embedded conditions."""

    def __init__(self, channels: int, condition_channels: int) -> None:
        super().__init__()
        self.gate = plain_conv(channels, 2 * channels, _KERNEL_SIZE)
        self.level_projection = nn.Linear(channels, channels)
        self.condition_projection = plain_conv(condition_channels, 2 * channels, kernel_size=1)
        self.residual_skip = plain_conv(channels, 2 * channels, kernel_size=1)

    def forward(self, x: Tensor, level: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Return the layer's output and its skip output, both (B, channels, T)."""
        mixed = self.gate(x + self.level_projection(level).unsqueeze(2)) + self.condition_projection(condition)
        gated, filtered = mixed.chunk(2, dim=1)
        residual, skip = self.residual_skip(torch.sigmoid(gated) * torch.tanh(filtered)).chunk(2, dim=1)
        return (x + residual) / math.sqrt(2), skip


class Denoiser(nn.Module):
    """Predict the noise in a mel spectrogram, or the velocity of a rectified flow."""

    def __init__(self, sizes: RefinerSizes) -> None:
        super().__init__()
        self.input_conv = plain_conv(sizes.n_mels, sizes.channels, kernel_size=1)
        self.level_waves = LevelWaves(sizes.channels)
        self.level_embedding = nn.Sequential(
            nn.Linear(sizes.channels, EXPANSION * sizes.channels),
            nn.Mish(),
            nn.Linear(EXPANSION * sizes.channels, sizes.channels),
        )
        self.layers = nn.ModuleList(
            [DenoiserLayer(sizes.channels, sizes.condition_channels) for _ in range(sizes.n_layers)]
        )
        self.skip_conv = plain_conv(sizes.channels, sizes.channels, kernel_size=1)
        self.output_conv = plain_conv(sizes.channels, sizes.n_mels, kernel_size=1)
        # He et al. 2015; an untrained denoiser predicts zeros, apart from a bias.
        nn.init.kaiming_normal_(self.input_conv.weight)
        nn.init.kaiming_normal_(self.skip_conv.weight)
        nn.init.zeros_(self.output_conv.weight)

    def forward(self, mel: Tensor, level: Tensor, condition: Tensor) -> Tensor:
        """
        Args:
            mel: noisy mel spectrogram on the scale of `mel_scale`, (B, n_mels, T).
            level: noise level of each item, (B,).
            condition: embedded conditions, (B, condition_channels, T).

        Returns:
            The predicted noise or velocity, (B, n_mels, T).
        """
        x = F.relu(self.input_conv(mel))
        embedded = self.level_embedding(self.level_waves(level))
        skipped: Tensor | None = None
        for layer in self.layers:
            x, skip = layer(x, embedded, condition)
            skipped = skip if skipped is None else skipped + skip
        assert skipped is not None
        output: Tensor = self.output_conv(F.relu(self.skip_conv(skipped / math.sqrt(len(self.layers)))))
        return output
