"""HiFi-GAN (Kong, Kim and Bae 2020) itself, the decoder of RVC's voices that follow no pitch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from myna.config import ModelConfig
from myna.models.decoders.backbone import Backbone, Waveform, less_leaky_relu
from myna.models.layers.convolution import plain_conv


class HifiGan(nn.Module):
    """Latents to audio. As in RVC, the first and the last convolution have plain weights, and the last no bias."""

    def __init__(self, model: ModelConfig) -> None:
        super().__init__()
        self.backbone = Backbone(model, normalized_input=False)
        self.output_conv = plain_conv(self.backbone.out_channels, 1, kernel_size=7, bias=False)
        self.output_activation = less_leaky_relu(self.backbone.out_channels)
        self.speaker_projection = nn.Conv1d(model.speaker_channels, model.upsample_initial_channels, kernel_size=1)

    def forward(
        self, latent: Tensor, f0: Tensor, speaker: Tensor, generator: torch.Generator | None = None
    ) -> Waveform:
        """
        Args:
            latent: (B, latent_channels, T).
            f0: accepted, and not heard.
            speaker: (B, speaker_channels, 1), or T where it changes with time.

        Returns:
            Audio (B, 1, T * product of the rates) between -1 and 1.
        """

        def finish(hidden: Tensor) -> Tensor:
            return torch.tanh(self.output_conv(self.output_activation(hidden)))

        return Waveform(self.backbone(latent, self.speaker_projection(speaker), finish=finish))
