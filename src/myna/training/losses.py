"""What the two networks are trained for: the losses of VITS (Kim, Kong and Son 2021), by name.

All are computed in single precision, whatever the networks compute in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from myna.audio.spectrogram import mel_filterbank
from myna.config import TrainConfig
from myna.models.interface import DiscriminatorOutput, Latents

Losses = dict[str, Tensor]

_LEAST_POWER = 1e-7  # where the magnitudes of `subband_loss` are floored
# Of `spectral_losses`: samples of a window and mel bands over it; a quarter of a window lies between windows. None is
# much shorter than a period: it would see each pulse, and pulses do not lie where the recording's do.
RESOLUTIONS = ((2048, 128), (1024, 80))
_QUIET_MEL, _QUIET_BIN = 1e-4, 1e-3  # magnitudes below which nothing is heard
SPECTRUM_SHARE = 3.0  # how much more the mel bands weigh than the bins


def loss_weights(train: TrainConfig) -> dict[str, float]:
    """The weight of each loss of the synthesizer."""
    return {
        "adversarial": 1.0,
        "feature_matching": 2.0,
        "mel": train.c_mel,
        "kl": train.c_kl,
        "f0": 1.0,
        "subband": 1.0,
        "spectrum": train.c_mel / SPECTRUM_SHARE,
    }


def weighted_sum(losses: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Add the losses up; one without a weight is an error, never a silent zero."""
    if missing := losses.keys() - weights.keys():
        raise KeyError(f"no weight for {sorted(missing)}; known: {sorted(weights)}")
    return torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()


def discriminator_loss(real: Sequence[DiscriminatorOutput], fake: Sequence[DiscriminatorOutput]) -> Tensor:
    """Least squares: scores of recordings are drawn to 1, of what was made to 0."""
    losses = [
        (1 - judged.score.float()).square().mean() + made.score.float().square().mean()
        for judged, made in zip(real, fake, strict=True)
    ]
    return torch.stack(losses).sum()


def adversarial_loss(fake: Sequence[DiscriminatorOutput]) -> Tensor:
    """Least squares: what was made shall be taken for a recording."""
    return torch.stack([(1 - made.score.float()).square().mean() for made in fake]).sum()


def feature_matching_loss(real: Sequence[DiscriminatorOutput], fake: Sequence[DiscriminatorOutput]) -> Tensor:
    """What was made shall impress each layer of the judges as the recording does."""
    distances = [
        F.l1_loss(other.float(), one.float().detach())
        for judged, made in zip(real, fake, strict=True)
        for one, other in zip(judged.feature_maps, made.feature_maps, strict=True)
    ]
    return torch.stack(distances).sum()


def kl_loss(latents: Latents) -> Tensor:
    """KL(posterior || prior), estimated from one sample of the posterior seen through the flow; a frame's mean."""
    log_std = latents.prior.log_std.float()
    distance = (latents.in_prior.float() - latents.prior.mean.float()).square()
    divergence = log_std - latents.posterior.log_std.float() - 0.5 + 0.5 * distance * torch.exp(-2 * log_std)
    return (divergence * latents.mask).sum() / latents.mask.sum()


def subband_loss(real: Tensor, fake: Tensor, train: TrainConfig) -> Tensor:
    """How far the sub-bands (B, S, N) are from those of the recording, over several resolutions of spectrum.

    Spectral convergence plus distance of log magnitudes (Yamamoto, Song and Kim 2020).
    """
    losses = []
    for n_fft, hop_length, win_length in zip(
        train.subband_n_fft, train.subband_hop_lengths, train.subband_win_lengths, strict=True
    ):
        window = torch.hann_window(win_length, device=real.device)
        one, other = (
            torch.view_as_real(
                torch.stft(bands.float().flatten(0, 1), n_fft, hop_length, win_length, window, return_complex=True)
            )
            .square()
            .sum(-1)
            .clamp(min=_LEAST_POWER)
            .sqrt()
            for bands in (real, fake)
        )
        losses.append((one - other).norm() / one.norm() + F.l1_loss(other.log(), one.log()))
    return torch.stack(losses).mean()


def spectral_losses(recording: Tensor, sung: Tensor, highest_hz: Tensor, sample_rate: int) -> Losses:
    """How far log magnitudes are apart, in mel bands ("mel") and in bins ("spectrum"), a mean over `RESOLUTIONS`.

    Args:
        recording: (B, N).
        sung: (B, N).
        highest_hz: what lies above it is not compared, so that a voice does not learn to be dull from recordings that
            were made at a low rate, (B,).
    """
    bands, bins = [], []
    for n_fft, n_mels in RESOLUTIONS:
        heard = torch.linspace(0, sample_rate / 2, n_fft // 2 + 1, device=sung.device) < highest_hz[:, None]
        mask = heard.unsqueeze(2).float()
        one, other = (_magnitudes(signal, n_fft) * mask for signal in (recording, sung))
        bins.append(_masked_distance((one + _QUIET_BIN).log(), (other + _QUIET_BIN).log(), mask))
        triangles = mel_filterbank(sample_rate, n_fft, n_mels).to(sung.device)
        triangles = triangles / triangles.sum(1, keepdim=True).clamp(min=1e-8)
        one, other = ((triangles @ magnitudes + _QUIET_MEL).log() for magnitudes in (one, other))
        bands.append(_masked_distance(one, other, triangles @ mask))
    return {"mel": torch.stack(bands).mean(), "spectrum": torch.stack(bins).mean()}


def _magnitudes(signal: Tensor, n_fft: int) -> Tensor:
    """(B, N) -> (B, n_fft / 2 + 1, T); noise of variance 1 has about 1.4 in every bin."""
    window = torch.hann_window(n_fft, device=signal.device)
    spectrum = torch.stft(signal.float(), n_fft, n_fft // 4, window=window, return_complex=True)
    power = torch.view_as_real(spectrum).square().sum(-1)
    magnitudes: Tensor = (power + 1e-9).sqrt() * (2 / n_fft**0.5)
    return magnitudes


def _masked_distance(one: Tensor, other: Tensor, mask: Tensor) -> Tensor:
    """Mean of |one - other| (B, C, T), weighted by `mask` (B, C, 1)."""
    return ((one - other).abs() * mask).sum() / (mask.sum() * one.shape[2])
