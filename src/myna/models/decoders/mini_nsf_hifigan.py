"""The decoder of PC-NSF-HiFiGAN (openvpi, SingingVocoders, 2025): HiFi-GAN with a sine as its only excitation.

NSF-HiFiGAN adds an excitation with overtones and noise after every upsampling step, at the full sample rate. Here, one
sine at f0 is added after the second step. It is generated at that step's rate, which is low enough to be cheap, and
high enough for any f0 of singing.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from myna.models.decoders.backbone import Backbone, less_leaky_relu
from myna.models.interface import DecoderConditions, NoiseSource, Waveform
from myna.models.layers.convolution import normalized_conv
from myna.models.layers.harmonic_source import sine_between_frames
from myna.models.sizes import UpsamplingSizes

_SOURCE_STEP = 1  # index of the upsampling step after which the sine is added


class MiniNsfHifiGan(nn.Module):
    """`Decoder` that computes audio from f0 and mel frames; it is not conditioned on a speaker.

    Args:
        noise_sigma: standard deviation of the noise that is added to the output of the first convolution.
    """

    def __init__(self, sizes: UpsamplingSizes, sample_rate: int, noise_sigma: float = 0.0) -> None:
        super().__init__()
        self.source_rate = sample_rate / math.prod(sizes.rates[_SOURCE_STEP + 1 :])  # Hz
        self.source_hop = math.prod(sizes.rates[: _SOURCE_STEP + 1])
        self.noise_sigma = noise_sigma
        self.source_conv = nn.Conv1d(1, sizes.initial_channels // 2 ** (_SOURCE_STEP + 1), kernel_size=1)
        self.backbone = Backbone(sizes)
        self.output_conv = normalized_conv(self.backbone.out_channels, 1, kernel_size=7)
        self.output_activation = less_leaky_relu(self.backbone.out_channels)

    def forward(self, latent: Tensor, conditions: DecoderConditions, noise: NoiseSource) -> Waveform:
        """
        Args:
            latent: mel frames, (B, n_mels, T).
            conditions: f0, interpolated over unvoiced frames.

        Returns:
            Audio between -1 and 1, (B, 1, T * product of the rates).
        """
        source = sine_between_frames(conditions.f0, self.source_hop, self.source_rate).unsqueeze(1)
        shape = (len(latent), self.backbone.input_conv.out_channels, latent.shape[2])
        added = self.noise_sigma * noise.normal("latent_noise", shape, latent) if self.noise_sigma else None

        def excitation(step: int, frames: slice) -> Tensor | None:
            if step != _SOURCE_STEP:
                return None
            excited: Tensor = self.source_conv(
                source[..., frames.start * self.source_hop : frames.stop * self.source_hop]
            )
            return excited

        def finish(hidden: Tensor) -> Tensor:
            return torch.tanh(self.output_conv(self.output_activation(hidden)))

        return Waveform(self.backbone(latent, added, excitation, finish))
