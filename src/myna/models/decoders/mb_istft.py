"""Multi-band iSTFT decoder (Kawamura et al. 2022): spectra of sub-bands, which a fixed filter bank merges."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from myna.config import DataConfig, ModelConfig
from myna.models.decoders.backbone import Backbone, Waveform
from myna.models.decoders.istft import before_spectra
from myna.models.layers.convolution import normalized_conv
from myna.models.layers.subbands import InverseStft, PseudoQmf


class MbIstftDecoder(nn.Module):
    """Latents to audio and its sub-bands, which training compares with those of the recording."""

    def __init__(self, model: ModelConfig, data: DataConfig) -> None:
        super().__init__()
        self.n_subbands = model.n_subbands
        self.backbone = Backbone(model)
        self.subband_conv = normalized_conv(
            self.backbone.out_channels, model.n_subbands * (model.istft_n_fft + 2), kernel_size=7
        )
        self.inverse_stft = InverseStft(model.istft_n_fft, model.istft_hop_length)
        self.filter_bank = PseudoQmf(model.n_subbands)

    def forward(
        self, latent: Tensor, f0: Tensor, speaker: Tensor, generator: torch.Generator | None = None
    ) -> Waveform:
        """latent (B, latent_channels, T) -> audio (B, 1, T * hop); the rest is accepted and not heard."""
        spectra = self.subband_conv(before_spectra(self.backbone(latent)))
        subbands = self.inverse_stft(spectra.unflatten(1, (self.n_subbands, -1)))
        return Waveform(self.filter_bank.synthesis(subbands), subbands)
