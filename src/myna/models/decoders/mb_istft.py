"""Multi-band iSTFT decoder (Kawamura et al. 2022): predicted sub-bands, merged by a fixed filter bank."""

from __future__ import annotations

from torch import Tensor, nn

from myna.models.decoders.backbone import Backbone
from myna.models.decoders.istft import before_spectra
from myna.models.interface import DecoderConditions, NoiseSource, Waveform
from myna.models.layers.convolution import normalized_conv
from myna.models.layers.subbands import InverseStft, PseudoQmf
from myna.models.sizes import IstftSizes


class MbIstftDecoder(nn.Module):
    """`Decoder` that computes audio and sub-bands from latent frames; the sub-bands have their own training loss."""

    def __init__(self, sizes: IstftSizes) -> None:
        super().__init__()
        self.n_subbands = sizes.n_subbands
        self.backbone = Backbone(sizes.upsampling)
        self.subband_conv = normalized_conv(
            self.backbone.out_channels, sizes.n_subbands * (sizes.n_fft + 2), kernel_size=7
        )
        self.inverse_stft = InverseStft(sizes.n_fft, sizes.hop_length)
        self.filter_bank = PseudoQmf(sizes.n_subbands)

    def forward(self, latent: Tensor, conditions: DecoderConditions, noise: NoiseSource) -> Waveform:
        """Return T frames of audio, (B, 1, N), and its sub-bands from latents (B, in_channels, T)."""
        spectra = self.subband_conv(before_spectra(self.backbone(latent)))
        subbands = self.inverse_stft(spectra.unflatten(1, (self.n_subbands, -1)))
        return Waveform(self.filter_bank.synthesis(subbands), subbands)
