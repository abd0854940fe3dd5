"""Linear and mel spectrograms, numerically those that the field's voices were trained on."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from myna.config import DataConfig


def spectrogram(audio: Tensor, n_fft: int, hop_length: int, win_length: int) -> Tensor:
    """Magnitudes of a signal, frame t centred on the middle of its `hop_length` samples.

    Args:
        audio: (B, N) in -1..1.

    Returns:
        (B, n_fft/2+1, T) with T = N // hop_length, as sqrt(power + 1e-6): the root stays differentiable at silence.
    """
    audio = audio.float()
    pad = (n_fft - hop_length) // 2
    # A clip shorter than the padding has no reflection of that length.
    padded = F.pad(audio[:, None], (pad, pad), mode="reflect" if audio.shape[-1] > pad else "constant")[:, 0]
    window = _hann_window(win_length, audio.device)
    transform = torch.stft(padded, n_fft, hop_length, win_length, window, center=False, return_complex=True)
    return torch.view_as_real(transform).square().sum(-1).add(1e-6).sqrt()


def mel_spectrogram(audio: Tensor, data: DataConfig) -> Tensor:
    """Log-mel spectrogram (B, n_mels, T) of `audio` (B, N), natural logarithm."""
    return spectrogram_to_mel(spectrogram(audio, data.n_fft, data.hop_length, data.win_length), data)


def spectrogram_to_mel(magnitude: Tensor, data: DataConfig) -> Tensor:
    """Log-mel (B, n_mels, T) of linear magnitudes (B, n_fft/2+1, T); floored at log 1e-5."""
    filterbank = mel_filterbank(data.sample_rate, data.n_fft, data.n_mels, data.mel_fmin, data.mel_fmax)
    return (filterbank.to(magnitude) @ magnitude).clamp(min=1e-5).log()


@lru_cache(maxsize=8)
def mel_filterbank(
    sample_rate: int, n_fft: int, n_mels: int, fmin_hz: float = 0.0, fmax_hz: float | None = None
) -> Tensor:
    """Triangles (n_mels, n_fft/2+1), evenly spaced on Slaney's mel scale, each of area 1 per Hz (Slaney's norm).

    Slaney, Auditory Toolbox, Interval Research 1998-010; the same numbers as librosa's default. Not to be written to.
    """
    ends = hz_to_mel(torch.tensor([fmin_hz, fmax_hz or sample_rate / 2], dtype=torch.float64))
    edges_hz = mel_to_hz(torch.linspace(float(ends[0]), float(ends[1]), n_mels + 2, dtype=torch.float64))
    return triangular_filterbank(edges_hz, sample_rate, n_fft)


def triangular_filterbank(edges_hz: Tensor, sample_rate: int, n_fft: int) -> Tensor:
    """Triangles (n, n_fft/2+1) of area 1 per Hz, the k-th from `edges_hz[k]` to `edges_hz[k + 2]`; (n + 2,) edges."""
    bins_hz = torch.linspace(0, sample_rate / 2, n_fft // 2 + 1, dtype=torch.float64)
    left, centre, right = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    rising = (bins_hz - left) / (centre - left)
    falling = (right - bins_hz) / (right - centre)
    triangles = torch.minimum(rising, falling).clamp(min=0)
    return (triangles * 2 / (right - left)).float()


# Slaney's scale: linear below 1 kHz, 200/3 Hz a mel; above it 27 mels a factor of 6.4.
_HZ_PER_MEL = 200 / 3
_KNEE_HZ = 1000.0
_KNEE_MEL = _KNEE_HZ / _HZ_PER_MEL
_LOG_STEP = math.log(6.4) / 27


def hz_to_mel(hz: Tensor) -> Tensor:
    return torch.where(
        hz < _KNEE_HZ, hz / _HZ_PER_MEL, _KNEE_MEL + torch.log(hz.clamp(min=_KNEE_HZ) / _KNEE_HZ) / _LOG_STEP
    )


def mel_to_hz(mel: Tensor) -> Tensor:
    return torch.where(mel < _KNEE_MEL, mel * _HZ_PER_MEL, _KNEE_HZ * torch.exp((mel - _KNEE_MEL) * _LOG_STEP))


@lru_cache(maxsize=8)
def _hann_window(length: int, device: torch.device) -> Tensor:
    return torch.hann_window(length, device=device)
