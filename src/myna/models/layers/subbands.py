"""Inverse STFT and sub-band synthesis, the last layers of the iSTFT decoders."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from myna.audio.real_stft import RealStft


class InverseStft(nn.Module):
    """Inverse STFT of predicted spectra (iSTFTNet: Kaneko et al. 2022).

    The first half of the input channels is the log magnitude. The phase is pi times the sine of the second half.
    """

    window: Tensor

    def __init__(self, n_fft: int, hop_length: int) -> None:
        super().__init__()
        self.n_fft = n_fft
        self.hop_length = hop_length
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def forward(self, spectra: Tensor) -> Tensor:
        """Convert S predicted spectra (B, S, n_fft + 2, T + 1) to S signals (B, S, T * hop_length)."""
        log_magnitude, phase = spectra.float().flatten(0, 1).chunk(2, dim=1)
        signal = self._synthesis(log_magnitude.exp(), math.pi * torch.sin(phase))
        return signal.reshape(*spectra.shape[:2], -1)

    def exportable(self) -> nn.Module:
        return _RealInverseStft(self)

    def _synthesis(self, magnitude: Tensor, phase: Tensor) -> Tensor:
        """Return the inverse STFT (B, T * hop_length) of magnitude and phase, each (B, n_bins, T + 1)."""
        spectrum = torch.polar(magnitude, phase)
        return torch.istft(spectrum, self.n_fft, self.hop_length, self.n_fft, self.window)


class _RealInverseStft(InverseStft):
    """`InverseStft` without complex numbers, for ONNX export."""

    def __init__(self, original: InverseStft) -> None:
        super().__init__(original.n_fft, original.hop_length)
        self.stft = RealStft(original.window, original.hop_length, original.n_fft // 2)

    def _synthesis(self, magnitude: Tensor, phase: Tensor) -> Tensor:
        return self.stft.synthesis(magnitude * torch.cos(phase), magnitude * torch.sin(phase))


def merge_subbands(subbands: Tensor, filters: Tensor) -> Tensor:
    """Upsample each sub-band to the full sample rate and filter it, and add all results.

    The result is the same as if zeros were inserted between the samples before the convolution, but the zeros are not
    multiplied.

    Args:
        subbands: (B, S, N).
        filters: one filter of odd length per sub-band, (1, S, taps).

    Returns:
        The merged signal, (B, 1, N * S).
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
    """A near-perfect-reconstruction cosine-modulated filter bank (Nguyen 1994), tuned for 4 sub-bands.

    The prototype is a Kaiser-windowed low-pass filter (Lin and Vaidyanathan 1998). Analysis followed by synthesis
    delays the signal by one sample and has an error of -16 dB. A cutoff of 0.142 and a modulation offset of 0 would
    give an error of -64 dB and no delay, but published multi-band voices were trained with the constants used here.
    """

    TAPS = 63
    CUTOFF = 0.15  # relative to half the sample rate
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
        """Split audio (B, 1, N) into S sub-bands (B, S, N / S); N must be a multiple of S."""
        return F.conv1d(audio, self.analysis_filters, stride=len(self.analysis_filters), padding=self.TAPS // 2)

    def synthesis(self, subbands: Tensor) -> Tensor:
        """Merge S sub-bands (B, S, N / S) into audio (B, 1, N)."""
        return merge_subbands(subbands, self.synthesis_filters)
