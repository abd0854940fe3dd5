"""NSF-HiFiGAN, the decoder of so-vits-svc 4: HiFi-GAN (Kong et al. 2020) with a neural source-filter excitation.

The excitation (Wang et al. 2019) provides the pitch, so that the network does not have to generate it. After each
upsampling convolution, a strided convolution reduces the excitation to the same rate, and both signals are added.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from myna.models.decoders.backbone import Activation, Backbone, leaky_relu, less_leaky_relu
from myna.models.interface import DecoderConditions, NoiseSource, Waveform
from myna.models.layers.convolution import normalized_conv, plain_conv
from myna.models.layers.harmonic_source import N_HARMONICS, HarmonicSource
from myna.models.layers.snake import AntiAliasedSnake
from myna.models.sizes import UpsamplingSizes


class NsfHifiGan(nn.Module):
    """`Decoder` that computes audio from f0 and latent frames; a vocoder takes mel frames instead of latent frames.

    Args:
        speaker_channels: channels of the speaker embedding; None for a vocoder, which is not conditioned on a speaker.
        normalized_ends: whether the first and last convolutions have weight normalisation, and the last one a bias;
            False for RVC.
    """

    def __init__(
        self,
        sizes: UpsamplingSizes,
        sample_rate: int,
        speaker_channels: int | None,
        activation: Activation = leaky_relu,
        output_activation: Activation = less_leaky_relu,
        *,
        n_harmonics: int = N_HARMONICS,
        normalized_ends: bool = True,
    ) -> None:
        super().__init__()
        self.hop_length = math.prod(sizes.rates)
        self.source = HarmonicSource(sample_rate, n_harmonics)
        self.source_convs = nn.ModuleList()
        for step in range(len(sizes.rates)):
            channels = sizes.initial_channels // 2 ** (step + 1)
            stride = math.prod(sizes.rates[step + 1 :])
            self.source_convs.append(
                nn.Conv1d(1, channels, kernel_size=2 * stride, stride=stride, padding=stride // 2)
                if stride > 1
                else nn.Conv1d(1, channels, kernel_size=1)
            )
        self.backbone = Backbone(sizes, activation, normalized_input=normalized_ends)
        output_conv = normalized_conv if normalized_ends else plain_conv
        self.output_conv = output_conv(self.backbone.out_channels, 1, kernel_size=7, bias=normalized_ends)
        self.output_activation = output_activation(self.backbone.out_channels)
        self.speaker_projection = (
            None if speaker_channels is None else nn.Conv1d(speaker_channels, sizes.initial_channels, kernel_size=1)
        )

    def forward(self, latent: Tensor, conditions: DecoderConditions, noise: NoiseSource) -> Waveform:
        """
        Args:
            latent: (B, in_channels, T).
            conditions: f0, and the speaker unless the decoder is a vocoder.

        Returns:
            Audio between -1 and 1, (B, 1, T * hop_length).
        """
        source = self.source(conditions.f0, self.hop_length, noise)

        def excitation(step: int, frames: slice) -> Tensor:
            excited: Tensor = self.source_convs[step](
                source[..., frames.start * self.hop_length : frames.stop * self.hop_length]
            )
            return excited

        def finish(hidden: Tensor) -> Tensor:
            return torch.tanh(self.output_conv(self.output_activation(hidden)))

        speaker = None if self.speaker_projection is None else self.speaker_projection(conditions.speaker)
        return Waveform(self.backbone(latent, speaker, excitation, finish))


class NsfSnakeHifiGan(NsfHifiGan):
    """NSF-HiFiGAN with BigVGAN's periodic activations (Lee et al. 2022), the second decoder of so-vits-svc 4.1."""

    def __init__(self, sizes: UpsamplingSizes, sample_rate: int, speaker_channels: int | None) -> None:
        super().__init__(sizes, sample_rate, speaker_channels, AntiAliasedSnake, AntiAliasedSnake)
