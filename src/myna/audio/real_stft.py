"""STFT and inverse STFT as real convolutions, for ONNX graphs, which lack complex numbers."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class RealStft(nn.Module):
    """`torch.stft` of a signal zero-padded by `padding` samples on both sides, and its inverse `torch.istft`."""

    kernels: Tensor  # (2 * n_bins, 1, n_fft): windowed cosines and sines, one cosine and one sine per bin
    shares: Tensor  # (2 * n_bins, 1): weight of each bin in the inverse transform
    power: Tensor  # (1, 1, n_fft): squared window

    def __init__(self, window: Tensor, hop_length: int, padding: int) -> None:
        super().__init__()
        n_fft = len(window)
        self.hop_length, self.padding = hop_length, padding
        # Remove whole turns, and compute in double precision, because the sine of a large angle is inexact.
        turns = torch.arange(n_fft // 2 + 1)[:, None] * torch.arange(n_fft) % n_fft
        angle = 2 * math.pi * turns.double() / n_fft
        kernels = torch.cat([torch.cos(angle), -torch.sin(angle)]) * window
        # Every bin except the first and the last represents itself and its conjugate.
        shares = torch.full((n_fft // 2 + 1, 1), 2 / n_fft)
        shares[0] = shares[-1] = 1 / n_fft
        self.register_buffer("kernels", kernels.unsqueeze(1).float())
        self.register_buffer("shares", shares.repeat(2, 1))
        self.register_buffer("power", window.square().reshape(1, 1, -1))

    def analysis(self, signals: Tensor) -> tuple[Tensor, Tensor]:
        """Return the real and imaginary parts of the STFT of signals (B, S, N); each is (B, S, n_bins, T)."""
        spectra = F.conv1d(signals.flatten(0, 1).unsqueeze(1), self.kernels, None, self.hop_length, self.padding)
        real, imaginary = spectra.reshape(*signals.shape[:2], *spectra.shape[1:]).chunk(2, dim=2)
        return real, imaginary

    def synthesis(self, real: Tensor, imaginary: Tensor) -> Tensor:
        """Return the signals (B, T * hop_length) whose STFT has the given parts, each (B, n_bins, T + 1)."""
        added = self._overlap_add(torch.cat([real, imaginary], dim=1) * self.shares, self.kernels)
        return (added / self._overlap_add(torch.ones_like(real[:1, :1]), self.power)).squeeze(1)

    def _overlap_add(self, frames: Tensor, kernels: Tensor) -> Tensor:
        return F.conv_transpose1d(frames, kernels, None, self.hop_length, self.padding)
