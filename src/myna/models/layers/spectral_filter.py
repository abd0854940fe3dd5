"""Time-varying filters for the three sources of a source-filter voice."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from myna.audio.real_stft import RealStft


class SpectralFilter(nn.Module):
    """Filter each source by multiplying its STFT by gains, and add the results.

    The filter of the pulses is minimum-phase; the other filters are zero-phase. The sources are those of
    `excitation.Excitation`, pulses first.
    """

    window: Tensor

    def __init__(self, n_fft: int, hop_length: int) -> None:
        super().__init__()
        self.n_fft, self.hop_length = n_fft, hop_length
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def forward(self, sources: Tensor, gains: Tensor, phase_log_gains: Tensor, passband: Tensor | None) -> Tensor:
        """
        Args:
            sources: S signals, (B, S, N), where N is a multiple of hop_length.
            gains: one linear gain per source, bin and hop, (B, S, n_bins, N / hop_length + 1).
            phase_log_gains: log gains from which the phase of the pulses is computed, (B, n_bins, N / hop_length + 1).
            passband: True in the bins to keep, (B, n_bins, 1); None keeps all bins.

        Returns:
            The sum of the filtered sources, (B, N).
        """
        spectra = self._spectra(sources)
        pulses = torch.polar(gains[:, 0], minimum_phase(phase_log_gains)) * spectra[:, 0]
        spectrum = pulses + (gains[:, 1:] * spectra[:, 1:]).sum(1)
        if passband is not None:
            spectrum = spectrum * passband
        return torch.istft(spectrum, self.n_fft, self.hop_length, window=self.window, length=sources.shape[2])

    def exportable(self) -> nn.Module:
        return RealSpectralFilter(self)

    def _spectra(self, signals: Tensor) -> Tensor:
        """Return the STFTs of signals (B, S, N): (B, S, n_bins, N / hop_length + 1)."""
        spectra = torch.stft(
            signals.flatten(0, 1),
            self.n_fft,
            self.hop_length,
            window=self.window,
            pad_mode="constant",  # reflection fails on a single frame, because it is shorter than the padding
            return_complex=True,
        )
        return spectra.reshape(*signals.shape[:2], *spectra.shape[1:])


class RealSpectralFilter(nn.Module):
    """`SpectralFilter` without complex numbers, for ONNX export."""

    phase_of_log: Tensor  # (n_bins, n_bins) matrix of `minimum_phase`, which is linear in the log gains

    def __init__(self, original: SpectralFilter) -> None:
        super().__init__()
        self.stft = RealStft(original.window, original.hop_length, original.n_fft // 2)
        identity = torch.eye(original.n_fft // 2 + 1).unsqueeze(0)
        self.register_buffer("phase_of_log", minimum_phase(identity)[0])

    def forward(self, sources: Tensor, gains: Tensor, phase_log_gains: Tensor, passband: Tensor | None) -> Tensor:
        real, imaginary = self.stft.analysis(sources)
        phase = self.phase_of_log @ phase_log_gains
        rotated = torch.stack(
            [
                torch.cos(phase) * real[:, 0] - torch.sin(phase) * imaginary[:, 0],
                torch.cos(phase) * imaginary[:, 0] + torch.sin(phase) * real[:, 0],
            ]
        )
        spectrum = gains[:, 0] * rotated
        spectrum = spectrum + torch.stack([(gains[:, 1:] * part[:, 1:]).sum(1) for part in (real, imaginary)])
        if passband is not None:
            spectrum = spectrum * passband
        return self.stft.synthesis(*spectrum.unbind())


def minimum_phase(log_gains: Tensor) -> Tensor:
    """Return the phase of the minimum-phase filter with the given log gains; input and output are (B, n_bins, T).

    The method folds the anticausal half of the cepstrum onto the causal half (Oppenheim and Schafer 1989).
    """
    n_fft = 2 * (log_gains.shape[1] - 1)
    cepstrum = torch.fft.irfft(log_gains, n=n_fft, dim=1)
    sign = torch.sign(n_fft / 2 - torch.arange(n_fft, device=log_gains.device))
    sign[0] = 0
    phase: Tensor = torch.fft.rfft(cepstrum * sign[:, None], dim=1).imag
    return phase
