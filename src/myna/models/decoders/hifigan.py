"""HiFi-GAN (Kong, Kim and Bae 2020), the decoder of RVC voices without f0."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from myna.models.decoders.backbone import Backbone, less_leaky_relu
from myna.models.interface import DecoderConditions, NoiseSource, Waveform
from myna.models.layers.convolution import plain_conv
from myna.models.sizes import UpsamplingSizes


class HifiGan(nn.Module):
    """`Decoder` that computes audio from latent frames.

    As in RVC, the first and last convolutions have no weight normalisation, and the last one has no bias.
    """

    def __init__(self, sizes: UpsamplingSizes, speaker_channels: int) -> None:
        super().__init__()
        self.backbone = Backbone(sizes, normalized_input=False)
        self.output_conv = plain_conv(self.backbone.out_channels, 1, kernel_size=7, bias=False)
        self.output_activation = less_leaky_relu(self.backbone.out_channels)
        self.speaker_projection = nn.Conv1d(speaker_channels, sizes.initial_channels, kernel_size=1)

    def forward(self, latent: Tensor, conditions: DecoderConditions, noise: NoiseSource) -> Waveform:
        """Return audio in -1..1, (B, 1, T * product of the rates), from latents (B, in_channels, T)."""

        def finish(hidden: Tensor) -> Tensor:
            return torch.tanh(self.output_conv(self.output_activation(hidden)))

        return Waveform(self.backbone(latent, self.speaker_projection(conditions.speaker), finish=finish))
