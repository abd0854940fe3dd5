"""NSF-HiFiGAN, the decoder of so-vits-svc 4: HiFi-GAN (Kong et al. 2020) driven by a neural source-filter excitation.

The excitation (Wang et al. 2019) carries the pitch, so that the network need not invent it: it is brought to the rate
of each upsampling step by a strided convolution, and added there.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from myna.config import DataConfig, ModelConfig
from myna.models.decoders.backbone import Activation, Backbone, Waveform, leaky_relu, less_leaky_relu
from myna.models.layers.convolution import normalized_conv, plain_conv
from myna.models.layers.harmonic_source import N_HARMONICS, HarmonicSource


class NsfHifiGan(nn.Module):
    """Latents and pitch to audio.

    With `normalized_ends` the first and the last convolution have normalised weights; without, as in RVC, plain ones,
    and the last no bias.
    """

    def __init__(
        self,
        model: ModelConfig,
        data: DataConfig,
        activation: Activation = leaky_relu,
        output_activation: Activation = less_leaky_relu,
        *,
        n_harmonics: int = N_HARMONICS,
        normalized_ends: bool = True,
    ) -> None:
        super().__init__()
        self.hop_length = math.prod(model.upsample_rates)
        self.source = HarmonicSource(data.sample_rate, n_harmonics)
        self.source_convs = nn.ModuleList()
        for step in range(len(model.upsample_rates)):
            channels = model.upsample_initial_channels // 2 ** (step + 1)
            stride = math.prod(model.upsample_rates[step + 1 :])
            self.source_convs.append(
                nn.Conv1d(1, channels, kernel_size=2 * stride, stride=stride, padding=stride // 2)
                if stride > 1
                else nn.Conv1d(1, channels, kernel_size=1)
            )
        self.backbone = Backbone(model, activation, normalized_input=normalized_ends)
        output_conv = normalized_conv if normalized_ends else plain_conv
        self.output_conv = output_conv(self.backbone.out_channels, 1, kernel_size=7, bias=normalized_ends)
        self.output_activation = output_activation(self.backbone.out_channels)
        self.speaker_projection = nn.Conv1d(model.speaker_channels, model.upsample_initial_channels, kernel_size=1)

    def forward(
        self, latent: Tensor, f0: Tensor, speaker: Tensor, generator: torch.Generator | None = None
    ) -> Waveform:
        """
        Args:
            latent: (B, latent_channels, T).
            f0: Hz, (B, T).
            speaker: (B, speaker_channels, 1), or T where it changes with time.

        Returns:
            Audio (B, 1, T * hop_length) between -1 and 1.
        """
        source = self.source(f0, self.hop_length, generator)

        def excitation(step: int, frames: slice) -> Tensor:
            excited: Tensor = self.source_convs[step](
                source[..., frames.start * self.hop_length : frames.stop * self.hop_length]
            )
            return excited

        def finish(hidden: Tensor) -> Tensor:
            return torch.tanh(self.output_conv(self.output_activation(hidden)))

        return Waveform(self.backbone(latent, self.speaker_projection(speaker), excitation, finish))
