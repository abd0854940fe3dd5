"""Judges of spectra at several resolutions (UnivNet: Jang et al. 2021), small enough to be trained on a CPU.

Half of them see all that the recording holds, as real and imaginary parts (as EnCodec's: Défossez et al. 2022). The
others see magnitudes, where the first harmonics and the first formant lie: a ninth of the band, and most of what a
voice is (bands with judges of their own: Kumar et al. 2023). Magnitudes are compressed, so that soft consonants count
beside loud vowels.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from myna.models.discriminators.waveform import DiscriminatorOutput, Discriminators, judged


class Sight(NamedTuple):
    """What a judge sees."""

    n_fft: int
    hop_length: int
    strides: tuple[int, int, int, int]  # over the bins, of its convolutions
    low: bool = False  # the magnitudes below `LOW_HZ`; else all that there is, with its phase


_WINDOWS = ((2048, 512), (1024, 256), (512, 128))  # samples of a window, samples between windows
SIGHTS = (
    *(Sight(*window, (4, 2, 2, 2)) for window in _WINDOWS),
    *(Sight(*window, (1, 2, 2, 1), low=True) for window in _WINDOWS),
)
LOW_HZ = 2500.0
WIDTH = 32
COMPRESSION = 0.3  # the power of a magnitude that is seen
QUIET = 1e-5  # power below which a bin counts for less
_LAYERS = (  # channels, kernel, padding and dilation over time and bins
    (WIDTH // 2, (3, 9), (1, 4), (1, 1)),
    (WIDTH, (3, 9), (1, 4), (1, 1)),
    (WIDTH, (3, 9), (2, 4), (2, 1)),
    (WIDTH, (3, 5), (4, 2), (4, 1)),
)


class SpectralDiscriminators(Discriminators):
    """One judge for each of `SIGHTS`."""

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        self.judges = nn.ModuleList([SpectralDiscriminator(sight, sample_rate) for sight in SIGHTS])

    def forward(self, audio: Tensor, highest_hz: Tensor) -> list[DiscriminatorOutput]:
        return [judge(audio, highest_hz) for judge in self.judges]


class SpectralDiscriminator(nn.Module):
    """Judge one kind of spectrum with convolutions over time and frequency."""

    window: Tensor
    bins_hz: Tensor

    def __init__(self, sight: Sight, sample_rate: int) -> None:
        super().__init__()
        self.n_fft, self.hop_length = sight.n_fft, sight.hop_length
        bins_hz = torch.linspace(0, sample_rate / 2, sight.n_fft // 2 + 1)
        self.low = sight.low
        self.register_buffer("window", torch.hann_window(sight.n_fft), persistent=False)
        self.register_buffer("bins_hz", bins_hz[bins_hz < LOW_HZ] if sight.low else bins_hz, persistent=False)
        self.convs, channels = nn.ModuleList(), 1 if sight.low else 2
        for (width, kernel, padding, dilation), stride in zip(_LAYERS, sight.strides, strict=True):
            self.convs.append(weight_norm(nn.Conv2d(channels, width, kernel, (1, stride), padding, dilation)))
            channels = width
        self.output_conv = weight_norm(nn.Conv2d(WIDTH, 1, 3, padding=1))

    def forward(self, audio: Tensor, highest_hz: Tensor) -> DiscriminatorOutput:
        return judged(self.seen(audio, highest_hz), self.convs, self.output_conv)

    def seen(self, audio: Tensor, highest_hz: Tensor) -> Tensor:
        """(B, 1, N) -> (B, 2, T, n_bins), or of magnitudes (B, 1, T, n_bins)."""
        signal = audio.squeeze(1).float()
        spectrum = torch.stft(signal, self.n_fft, self.hop_length, window=self.window, return_complex=True)
        heard = (self.bins_hz < highest_hz[:, None]).unsqueeze(2)
        spectrum = spectrum[:, : len(self.bins_hz)] * (2 / self.n_fft**0.5) * heard
        parts = torch.view_as_real(spectrum)
        power = parts.square().sum(-1, keepdim=True)
        seen = parts * (power + QUIET) ** ((COMPRESSION - 1) / 2)
        if self.low:
            seen = (seen.square().sum(-1, keepdim=True) + 1e-8).sqrt()  # a root has no slope at 0
        return seen.permute(0, 3, 2, 1)
