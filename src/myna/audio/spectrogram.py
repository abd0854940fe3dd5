"""Linear and mel spectrograms, numerically equal to those in so-vits-svc's training."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from myna.config import DataConfig
from myna.units import hz_to_mel, mel_to_hz, semitones_to_ratio

# Constants that the predecessors add to the power of each bin, in the training of voices, and in mel spectrograms for
# vocoders and diffusion models.
VOICE_POWER_FLOOR: float = DataConfig().power_floor
VOCODER_POWER_FLOOR = 1e-9


@dataclass(frozen=True, kw_only=True)
class MelSettings:
    """Parameters of a mel spectrogram."""

    sample_rate: int
    n_fft: int
    hop_length: int
    win_length: int
    n_mels: int
    mel_fmin: float = 0.0  # Hz
    mel_fmax: float | None = None  # Hz; None means half the sample rate
    power_floor: float = VOICE_POWER_FLOOR  # added to the power of each bin

    @classmethod
    def of(cls, data: DataConfig) -> Self:
        """Return the parameters of a voice's mel spectrograms."""
        return cls(
            sample_rate=data.sample_rate,
            n_fft=data.n_fft,
            hop_length=data.hop_length,
            win_length=data.win_length,
            n_mels=data.n_mels,
            mel_fmin=data.mel_fmin,
            mel_fmax=data.mel_fmax,
            power_floor=data.power_floor,
        )


def spectrogram(
    audio: Tensor, n_fft: int, hop_length: int, win_length: int, power_floor: float = VOICE_POWER_FLOOR
) -> Tensor:
    """Return the magnitude spectrogram of a signal; frame t is centred on the middle of hop t.

    Args:
        audio: (B, N) in -1..1.

    Returns:
        sqrt(power + power_floor), which is differentiable even in silence; (B, n_fft/2+1, T) with T = N // hop_length.
    """
    audio = audio.float()
    before = (n_fft - hop_length) // 2
    after = n_fft - hop_length - before
    # Reflection padding fails if the clip is shorter than the padding.
    padded = F.pad(audio[:, None], (before, after), mode="reflect" if audio.shape[-1] > after else "constant")[:, 0]
    window = _hann_window(win_length, audio.device)
    transform = torch.stft(padded, n_fft, hop_length, win_length, window, center=False, return_complex=True)
    return torch.view_as_real(transform).square().sum(-1).add(power_floor).sqrt()


def mel_spectrogram(audio: Tensor, settings: MelSettings) -> Tensor:
    """Return the log-mel spectrogram (B, n_mels, T) of `audio` (B, N), with the natural logarithm."""
    magnitude = spectrogram(audio, settings.n_fft, settings.hop_length, settings.win_length, settings.power_floor)
    return spectrogram_to_mel(magnitude, settings)


def shifted_mel_spectrogram(audio: Tensor, settings: MelSettings, key_shift: float = 0.0, speed: float = 1.0) -> Tensor:
    """Return the log-mel spectrogram of `audio` (B, N) as if it were transposed and played at another speed.

    The window is longer by the frequency ratio of the key shift, so its transform has more bins. If bin k of this
    transform is used as bin k of the usual one, all frequencies are multiplied by that ratio. Frequencies above half
    the sample rate are cut off. This is the analysis of so-vits-svc 4.1, DDSP-SVC and SingingVocoders.

    Args:
        key_shift: transposition in semitones.
        speed: ratio of the hop length to the usual one.

    Returns:
        (B, n_mels, T) with T = N // round(hop_length * speed).
    """
    n_fft, win_length = (
        round(length * semitones_to_ratio(key_shift)) for length in (settings.n_fft, settings.win_length)
    )
    magnitude = spectrogram(audio, n_fft, round(settings.hop_length * speed), win_length, settings.power_floor)
    n_bins = settings.n_fft // 2 + 1
    magnitude = F.pad(magnitude[:, :n_bins], (0, 0, 0, max(n_bins - magnitude.shape[1], 0)))
    return spectrogram_to_mel(magnitude * settings.win_length / win_length, settings)


def spectrogram_to_mel(magnitude: Tensor, settings: MelSettings) -> Tensor:
    """Convert linear magnitudes (B, n_fft/2+1, T) to a log-mel spectrogram (B, n_mels, T) of at least log 1e-5."""
    filterbank = mel_filterbank(
        settings.sample_rate, settings.n_fft, settings.n_mels, settings.mel_fmin, settings.mel_fmax
    )
    return (filterbank.to(magnitude) @ magnitude).clamp(min=1e-5).log()


# The cached tensors are also used in training, which inference tensors would prevent.
@lru_cache(maxsize=8)
@torch.inference_mode(False)
def mel_filterbank(
    sample_rate: int, n_fft: int, n_mels: int, fmin_hz: float = 0.0, fmax_hz: float | None = None
) -> Tensor:
    """Return triangular filters (n_mels, n_fft/2+1), evenly spaced on Slaney's mel scale and of unit area over Hz.

    The scale and the norm are from Slaney, Auditory Toolbox, Interval Research 1998-010. The filters equal librosa's
    defaults. The result is cached: do not modify it.
    """
    edges_mel = np.linspace(hz_to_mel(fmin_hz), hz_to_mel(fmax_hz or sample_rate / 2), n_mels + 2)
    return triangular_filterbank(torch.from_numpy(mel_to_hz(edges_mel)), sample_rate, n_fft)


def triangular_filterbank(edges_hz: Tensor, sample_rate: int, n_fft: int) -> Tensor:
    """Return n triangular filters (n, n_fft/2+1) of unit area over Hz.

    Args:
        edges_hz: frequencies (n + 2,), ascending; filter k spans `edges_hz[k]` to `edges_hz[k + 2]`.
        sample_rate: in Hz.
        n_fft: length of the transform.
    """
    bins_hz = torch.linspace(0, sample_rate / 2, n_fft // 2 + 1, dtype=torch.float64)
    left, centre, right = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    rising = (bins_hz - left) / (centre - left)
    falling = (right - bins_hz) / (right - centre)
    triangles = torch.minimum(rising, falling).clamp(min=0)
    return (triangles * 2 / (right - left)).float()


@lru_cache(maxsize=8)
@torch.inference_mode(False)
def _hann_window(length: int, device: torch.device) -> Tensor:
    return torch.hann_window(length, device=device)
