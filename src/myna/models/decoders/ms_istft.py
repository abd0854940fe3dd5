"""Multi-stream iSTFT decoder (Kawamura et al. 2022), the decoder of QuickVC (Guo et al. 2023).

The network predicts the spectra of several signals, each at a fraction of the sample rate. A learned filter bank merges
the signals.
"""

from __future__ import annotations

from torch import Tensor, nn

from myna.models.decoders.backbone import Backbone
from myna.models.decoders.istft import before_spectra
from myna.models.interface import DecoderConditions, NoiseSource, Waveform
from myna.models.layers.convolution import normalized_conv
from myna.models.layers.subbands import InverseStft, merge_subbands
from myna.models.sizes import IstftSizes

MERGE_TAPS = 63


class MsIstftDecoder(nn.Module):
    """`Decoder` that computes audio from latent frames."""

    def __init__(self, sizes: IstftSizes) -> None:
        super().__init__()
        self.n_subbands = sizes.n_subbands
        self.backbone = Backbone(sizes.upsampling)
        self.subband_conv = normalized_conv(
            self.backbone.out_channels, sizes.n_subbands * (sizes.n_fft + 2), kernel_size=7
        )
        self.merge_conv = normalized_conv(sizes.n_subbands, 1, MERGE_TAPS, bias=False)
        self.inverse_stft = InverseStft(sizes.n_fft, sizes.hop_length)

    def forward(self, latent: Tensor, conditions: DecoderConditions, noise: NoiseSource) -> Waveform:
        """Return T frames of audio, (B, 1, N), from latents (B, in_channels, T)."""
        spectra = self.subband_conv(before_spectra(self.backbone(latent)))
        streams = self.inverse_stft(spectra.unflatten(1, (self.n_subbands, -1)))
        return Waveform(merge_subbands(streams, self.merge_conv.weight))
