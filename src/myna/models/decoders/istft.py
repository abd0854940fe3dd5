"""iSTFT decoder (iSTFTNet: Kaneko et al. 2022): HiFi-GAN's upsampling ends early, and an inverse STFT follows.

The iSTFT decoders take neither f0 nor the speaker as an input; both affect only the latent.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from myna.models.decoders.backbone import Backbone
from myna.models.interface import DecoderConditions, NoiseSource, Waveform
from myna.models.layers.convolution import normalized_conv
from myna.models.layers.subbands import InverseStft
from myna.models.sizes import IstftSizes


class IstftDecoder(nn.Module):
    """`Decoder` that computes audio from latent frames."""

    def __init__(self, sizes: IstftSizes) -> None:
        super().__init__()
        self.backbone = Backbone(sizes.upsampling)
        self.output_conv = normalized_conv(self.backbone.out_channels, sizes.n_fft + 2, kernel_size=7)
        self.inverse_stft = InverseStft(sizes.n_fft, sizes.hop_length)

    def forward(self, latent: Tensor, conditions: DecoderConditions, noise: NoiseSource) -> Waveform:
        """Return T frames of audio, (B, 1, N), from latents (B, in_channels, T)."""
        spectra = self.output_conv(before_spectra(self.backbone(latent)))
        return Waveform(self.inverse_stft(spectra.unsqueeze(1)))


def before_spectra(hidden: Tensor) -> Tensor:
    """Apply the activation, and put a copy of the second frame first, because T hops of audio need T + 1 spectra."""
    return F.pad(F.leaky_relu(hidden), (1, 0), mode="reflect")
