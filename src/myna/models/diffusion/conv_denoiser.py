"""Denoiser of gated depthwise convolutions: the ancestor of LYNXNet, as in Diffusion-SVC 2 and DDSP-SVC 5.

noisy mel ──► input conv ──► layer ──► layer ──► ... ──► output convs ──► noise or velocity
                               ▲ level, condition

It has fewer layers than the denoiser of DiffWave, but each of them sees 15 frames to either side.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from myna.models.diffusion.denoiser import EXPANSION, LevelWaves
from myna.models.layers.convolution import plain_conv
from myna.models.layers.transformer import ChannelNorm
from myna.models.sizes import ConvDenoiserSizes, RefinerSizes


class ConvDenoiserLayer(nn.Module):
    """Residual layer: the convolution module of the Conformer (Gulati et al. 2020), without batch normalisation."""

    def __init__(self, channels: int, condition_channels: int, sizes: ConvDenoiserSizes) -> None:
        super().__init__()
        inner = sizes.expansion * channels
        self.level_projection = plain_conv(channels, channels, kernel_size=1)
        self.condition_projection = plain_conv(condition_channels, channels, kernel_size=1)
        # The modules have the same positions as in files.
        self.net = nn.Sequential(
            ChannelNorm(channels) if sizes.norm else nn.Identity(),
            nn.Identity(),
            plain_conv(channels, 2 * inner, kernel_size=1),
            nn.GLU(dim=1),
            plain_conv(inner, inner, sizes.kernel_size, groups=inner),
            nn.PReLU(inner) if sizes.learned_slopes else nn.SiLU(),
            plain_conv(inner, channels, kernel_size=1),
        )

    def forward(self, x: Tensor, level: Tensor, condition: Tensor) -> Tensor:
        """Return the layer's output, (B, channels, T)."""
        changed: Tensor = self.net(x + self.level_projection(level) + self.condition_projection(condition))
        return x + changed


class ConvDenoiser(nn.Module):
    """Predict the noise in a mel spectrogram, or the velocity of a rectified flow; same interface as `Denoiser`."""

    def __init__(self, sizes: RefinerSizes) -> None:
        super().__init__()
        assert sizes.conv is not None
        channels, condition_channels = sizes.channels, sizes.condition_channels
        self.input_conv = plain_conv(sizes.n_mels, channels, kernel_size=1)
        self.level_embedding = nn.Sequential(
            LevelWaves(channels),
            nn.Linear(channels, EXPANSION * channels),
            nn.GELU(),
            nn.Linear(EXPANSION * channels, channels),
        )
        self.condition_convs: nn.Module = nn.Identity()
        self.output_conv: nn.Module = plain_conv(channels, sizes.n_mels, kernel_size=1)
        if sizes.conv.wide:
            wide = EXPANSION * channels
            self.condition_convs = _two_convs(condition_channels, wide, channels)
            self.output_conv = _two_convs(channels, wide, sizes.n_mels)
            condition_channels = channels
        self.layers = nn.ModuleList(
            [ConvDenoiserLayer(channels, condition_channels, sizes.conv) for _ in range(sizes.n_layers)]
        )

    def forward(self, mel: Tensor, level: Tensor, condition: Tensor) -> Tensor:
        """Return the predicted noise or velocity (B, n_mels, T); arguments as for `Denoiser`."""
        x = F.gelu(self.input_conv(mel))
        embedded, condition = self.level_embedding(level).unsqueeze(2), self.condition_convs(condition)
        for layer in self.layers:
            x = layer(x, embedded, condition)
        output: Tensor = self.output_conv(x)
        return output


def _two_convs(in_channels: int, channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        plain_conv(in_channels, channels, kernel_size=1), nn.GELU(), plain_conv(channels, out_channels, kernel_size=1)
    )
