"""Judges of spectra at several resolutions (UnivNet: Jang et al. 2021), small enough to be trained on a CPU.

They see real and imaginary parts (as EnCodec's: Défossez et al. 2022), the magnitudes compressed, so that soft
consonants count beside loud vowels; and nothing above what the recording holds.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from myna.models.discriminators import Discriminators, Judgement, judged

RESOLUTIONS = ((2048, 512), (1024, 256), (512, 128))  # samples of a window, samples between windows
WIDTH = 32
COMPRESSION = 0.3  # the power of a magnitude that is seen
QUIET = 1e-5  # power below which a bin counts for less


class SpectralDiscriminators(Discriminators):
    """One judge for each resolution."""

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        self.judges = nn.ModuleList([SpectralDiscriminator(*shape, sample_rate) for shape in RESOLUTIONS])

    def forward(self, audio: Tensor, highest_hz: Tensor) -> list[Judgement]:
        return [judge(audio, highest_hz) for judge in self.judges]


class SpectralDiscriminator(nn.Module):
    """Judge one kind of spectrum with convolutions over time and frequency."""

    window: Tensor
    bins_hz: Tensor

    def __init__(self, n_fft: int, hop_length: int, sample_rate: int) -> None:
        super().__init__()
        self.n_fft, self.hop_length = n_fft, hop_length
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        self.register_buffer("bins_hz", torch.linspace(0, sample_rate / 2, n_fft // 2 + 1), persistent=False)
        self.convs = nn.ModuleList(
            [
                weight_norm(nn.Conv2d(2, WIDTH // 2, (3, 9), stride=(1, 4), padding=(1, 4))),
                weight_norm(nn.Conv2d(WIDTH // 2, WIDTH, (3, 9), stride=(1, 2), padding=(1, 4))),
                weight_norm(nn.Conv2d(WIDTH, WIDTH, (3, 9), stride=(1, 2), dilation=(2, 1), padding=(2, 4))),
                weight_norm(nn.Conv2d(WIDTH, WIDTH, (3, 5), stride=(1, 2), dilation=(4, 1), padding=(4, 2))),
            ]
        )
        self.output_conv = weight_norm(nn.Conv2d(WIDTH, 1, 3, padding=1))

    def forward(self, audio: Tensor, highest_hz: Tensor) -> Judgement:
        return judged(self.seen(audio, highest_hz), self.convs, self.output_conv)

    def seen(self, audio: Tensor, highest_hz: Tensor) -> Tensor:
        """(B, 1, N) -> (B, 2, T, n_fft / 2 + 1)"""
        signal = audio.squeeze(1).float()
        spectrum = torch.stft(signal, self.n_fft, self.hop_length, window=self.window, return_complex=True)
        spectrum = spectrum * (2 / self.n_fft**0.5) * (self.bins_hz < highest_hz[:, None]).unsqueeze(2)
        parts = torch.view_as_real(spectrum)
        power = parts.square().sum(-1, keepdim=True)
        return (parts * (power + QUIET) ** ((COMPRESSION - 1) / 2)).permute(0, 3, 2, 1)
