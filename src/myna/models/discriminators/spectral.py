"""Discriminators that score spectra at several resolutions (UnivNet: Jang et al. 2021), small enough to train on a CPU.

Half of them score the real and imaginary parts of the spectrum over the recording's whole bandwidth, like EnCodec's
discriminators (Défossez et al. 2022). The others score the magnitudes below 2.5 kHz, the range of the first harmonics
and the first formant (single-band discriminators: Kumar et al. 2023). Both kinds of spectrum are compressed, so that
loud vowels do not outweigh soft consonants.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from myna.models.discriminators.waveform import score
from myna.models.interface import DiscriminatorOutput, Discriminators


class SpectrumSettings(NamedTuple):
    """Settings of the spectrum that one discriminator scores."""

    n_fft: int
    hop_length: int
    strides: tuple[int, int, int, int]  # strides of the convolutions along the bins
    low: bool = False  # True for magnitudes below `LOW_HZ`, False for the whole complex spectrum


_WINDOWS = ((2048, 512), (1024, 256), (512, 128))  # window length and hop length, in samples
SPECTRA = (
    *(SpectrumSettings(*window, (4, 2, 2, 2)) for window in _WINDOWS),
    *(SpectrumSettings(*window, (1, 2, 2, 1), low=True) for window in _WINDOWS),
)
LOW_HZ = 2500.0
WIDTH = 32
COMPRESSION = 0.3  # exponent applied to magnitudes
QUIET = 1e-5  # power below which magnitudes are scaled almost linearly
_LAYERS = (  # channels; then kernel, padding and dilation, each as (time, bins)
    (WIDTH // 2, (3, 9), (1, 4), (1, 1)),
    (WIDTH, (3, 9), (1, 4), (1, 1)),
    (WIDTH, (3, 9), (2, 4), (2, 1)),
    (WIDTH, (3, 5), (4, 2), (4, 1)),
)


class SpectralDiscriminators(Discriminators):
    """One discriminator for each of the settings in `SPECTRA`."""

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        self.discriminators = nn.ModuleList([SpectralDiscriminator(one, sample_rate) for one in SPECTRA])

    def forward(self, audio: Tensor, bandwidth_hz: Tensor) -> list[DiscriminatorOutput]:
        return [discriminator(audio, bandwidth_hz) for discriminator in self.discriminators]


class SpectralDiscriminator(nn.Module):
    """Score one kind of spectrum with convolutions over time and frequency."""

    window: Tensor
    bins_hz: Tensor

    def __init__(self, settings: SpectrumSettings, sample_rate: int) -> None:
        super().__init__()
        self.n_fft, self.hop_length, self.low = settings.n_fft, settings.hop_length, settings.low
        bins_hz = torch.linspace(0, sample_rate / 2, settings.n_fft // 2 + 1)
        self.register_buffer("window", torch.hann_window(settings.n_fft), persistent=False)
        self.register_buffer("bins_hz", bins_hz[bins_hz < LOW_HZ] if self.low else bins_hz, persistent=False)
        self.convs, channels = nn.ModuleList(), 1 if self.low else 2
        for (width, kernel, padding, dilation), stride in zip(_LAYERS, settings.strides, strict=True):
            self.convs.append(weight_norm(nn.Conv2d(channels, width, kernel, (1, stride), padding, dilation)))
            channels = width
        self.output_conv = weight_norm(nn.Conv2d(WIDTH, 1, 3, padding=1))

    def forward(self, audio: Tensor, bandwidth_hz: Tensor) -> DiscriminatorOutput:
        return score(self.spectrum(audio, bandwidth_hz), self.convs, self.output_conv)

    def spectrum(self, audio: Tensor, bandwidth_hz: Tensor) -> Tensor:
        """Return the compressed spectrum of audio (B, 1, N), with zeros above the bandwidth.

        The shape is (B, 2, T, n_bins) for real and imaginary parts, or (B, 1, T, n_bins) for magnitudes.
        """
        signal = audio.squeeze(1).float()
        spectrum = torch.stft(signal, self.n_fft, self.hop_length, window=self.window, return_complex=True)
        passband = (self.bins_hz < bandwidth_hz[:, None]).unsqueeze(2)
        spectrum = spectrum[:, : len(self.bins_hz)] * (2 / self.n_fft**0.5) * passband
        parts = torch.view_as_real(spectrum)
        power = parts.square().sum(-1, keepdim=True)
        compressed = parts * (power + QUIET) ** ((COMPRESSION - 1) / 2)
        if self.low:
            compressed = (compressed.square().sum(-1, keepdim=True) + 1e-8).sqrt()  # sqrt has an infinite gradient at 0
        return compressed.permute(0, 3, 2, 1)
