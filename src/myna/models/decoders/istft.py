"""iSTFT decoder (iSTFTNet: Kaneko et al. 2022): HiFi-GAN's upsampling stops early, and short spectra do the rest.

It hears no pitch and no speaker but what is in the latent.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from myna.config import DataConfig, ModelConfig
from myna.models.decoders.backbone import Backbone, Waveform
from myna.models.layers.convolution import normalized_conv
from myna.models.layers.subbands import InverseStft


class IstftDecoder(nn.Module):
    """Latents to audio."""

    def __init__(self, model: ModelConfig, data: DataConfig) -> None:
        super().__init__()
        self.backbone = Backbone(model)
        self.output_conv = normalized_conv(self.backbone.out_channels, model.istft_n_fft + 2, kernel_size=7)
        self.inverse_stft = InverseStft(model.istft_n_fft, model.istft_hop_length)

    def forward(
        self, latent: Tensor, f0: Tensor, speaker: Tensor, generator: torch.Generator | None = None
    ) -> Waveform:
        """latent (B, latent_channels, T) -> audio (B, 1, T * hop); the rest is accepted and not heard."""
        spectra = self.output_conv(before_spectra(self.backbone(latent)))
        return Waveform(self.inverse_stft(spectra.unsqueeze(1)))


def before_spectra(hidden: Tensor) -> Tensor:
    """Rectify, and repeat the second frame before the first: T frames of signal need T + 1 spectra."""
    return F.pad(F.leaky_relu(hidden), (1, 0), mode="reflect")
