"""Signals from short spectra and from sub-bands: what the iSTFT decoders end with."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class InverseStft(nn.Module):
    """Short spectra to signal (iSTFTNet: Kaneko et al. 2022).

    The network gives the log magnitude, and the phase as the sine of something, times pi.
    """

    window: Tensor

    def __init__(self, n_fft: int, hop_length: int) -> None:
        super().__init__()
        self.n_fft = n_fft
        self.hop_length = hop_length
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def forward(self, spectra: Tensor) -> Tensor:
        """(B, S, n_fft + 2, T + 1) -> (B, S, T * hop_length)."""
        log_magnitude, phase = spectra.float().flatten(0, 1).chunk(2, dim=1)
        spectrum = torch.polar(log_magnitude.exp(), math.pi * torch.sin(phase))
        signal = torch.istft(spectrum, self.n_fft, self.hop_length, self.n_fft, self.window)
        return signal.reshape(*spectra.shape[:2], -1)


def merge_subbands(subbands: Tensor, filters: Tensor) -> Tensor:
    """Bring sub-bands to the full rate, filter each, and add them.

    Same as putting zeros between the samples, amplifying, and convolving, without multiplying the zeros.

    Args:
        subbands: (B, S, N).
        filters: one a sub-band, of an odd length, (1, S, taps).

    Returns:
        (B, 1, N * S).
    """
    n_subbands, taps = filters.shape[1:]
    return F.conv_transpose1d(
        subbands,
        filters.transpose(0, 1).flip(2) * n_subbands,
        stride=n_subbands,
        padding=taps // 2,
        output_padding=n_subbands - 1,
    )


class PseudoQmf(nn.Module):
    """A cosine-modulated filter bank that nearly reconstructs (Nguyen 1994), 4 sub-bands best.

    The prototype is a Kaiser-windowed low pass (Lin and Vaidyanathan 1998). Analysis and synthesis together delay by
    one sample, with an error of -16 dB. A cutoff of 0.142 and no half sample in the modulation would leave -64 dB and
    no delay, but the field's multi-band voices were trained with these constants and need them to sound.
    """

    TAPS = 63
    CUTOFF = 0.15  # of half the sample rate
    KAISER_BETA = 9.0
    MODULATION_OFFSET = 0.5  # samples

    analysis_filters: Tensor
    synthesis_filters: Tensor

    def __init__(self, n_subbands: int = 4) -> None:
        super().__init__()
        time = torch.arange(self.TAPS, dtype=torch.float64) - self.TAPS // 2
        window = torch.kaiser_window(self.TAPS, periodic=False, beta=self.KAISER_BETA, dtype=torch.float64)
        prototype = window * self.CUTOFF * torch.sinc(self.CUTOFF * time)
        band = torch.arange(n_subbands, dtype=torch.float64)[:, None]
        angle = (2 * band + 1) * (math.pi / (2 * n_subbands)) * (time + self.MODULATION_OFFSET)
        shift = torch.where(band % 2 == 0, math.pi / 4, -math.pi / 4)
        analysis, synthesis = (2 * prototype * torch.cos(angle + sign * shift) for sign in (1, -1))
        self.register_buffer("analysis_filters", analysis.float().unsqueeze(1), persistent=False)
        self.register_buffer("synthesis_filters", synthesis.float().unsqueeze(0), persistent=False)

    def analysis(self, audio: Tensor) -> Tensor:
        """(B, 1, N) -> (B, S, N / S), N a multiple of S."""
        return F.conv1d(audio, self.analysis_filters, stride=len(self.analysis_filters), padding=self.TAPS // 2)

    def synthesis(self, subbands: Tensor) -> Tensor:
        """(B, S, N / S) -> (B, 1, N)."""
        return merge_subbands(subbands, self.synthesis_filters)
