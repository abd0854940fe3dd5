"""Losses of the synthesizer and of the discriminators, as in VITS (Kim, Kong and Son 2021).

All losses are computed in single precision, regardless of the precision of the networks.
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

_MIN_POWER = 1e-7  # floor of the power in `subband_loss`
# Resolutions of `spectral_losses`: (window in samples, number of mel bands); the hop is a quarter of the window. A
# window much shorter than a pitch period would resolve single pulses, which have different positions in the generated
# audio and in the recording.
RESOLUTIONS = ((2048, 128), (1024, 80))
_QUIET_MEL, _QUIET_BIN = 1e-4, 1e-3  # magnitudes below which differences are inaudible
SPECTRUM_SHARE = 3.0  # weight of the mel loss divided by the weight of the spectrum loss


def loss_weights(train: TrainConfig) -> dict[str, float]:
    """Return the weight of each of the synthesizer's losses."""
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
    """Return the weighted sum of losses; raise `KeyError` for a loss without a weight."""
    if missing := losses.keys() - weights.keys():
        raise KeyError(f"no weight for {sorted(missing)}; known: {sorted(weights)}")
    return torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()


def discriminator_loss(real: Sequence[DiscriminatorOutput], fake: Sequence[DiscriminatorOutput]) -> Tensor:
    """Least-squares loss of the discriminators: the target score is 1 for recordings and 0 for generated audio."""
    losses = [
        (1 - of_real.score.float()).square().mean() + of_fake.score.float().square().mean()
        for of_real, of_fake in zip(real, fake, strict=True)
    ]
    return torch.stack(losses).sum()


def adversarial_loss(fake: Sequence[DiscriminatorOutput]) -> Tensor:
    """Least-squares loss of the synthesizer: the target score of generated audio is 1."""
    return torch.stack([(1 - one.score.float()).square().mean() for one in fake]).sum()


def feature_matching_loss(real: Sequence[DiscriminatorOutput], fake: Sequence[DiscriminatorOutput]) -> Tensor:
    """L1 distance between the discriminators' feature maps of generated and real audio."""
    distances = [
        F.l1_loss(other.float(), one.float().detach())
        for of_real, of_fake in zip(real, fake, strict=True)
        for one, other in zip(of_real.feature_maps, of_fake.feature_maps, strict=True)
    ]
    return torch.stack(distances).sum()


def kl_loss(latents: Latents) -> Tensor:
    """KL divergence of the posterior from the prior, summed over channels and averaged over frames.

    The estimate uses one sample of the posterior, mapped by the flow to the space of the prior.
    """
    log_std = latents.prior.log_std.float()
    distance = (latents.in_prior.float() - latents.prior.mean.float()).square()
    divergence = log_std - latents.posterior.log_std.float() - 0.5 + 0.5 * distance * torch.exp(-2 * log_std)
    return (divergence * latents.mask).sum() / latents.mask.sum()


def subband_loss(real: Tensor, fake: Tensor, train: TrainConfig) -> Tensor:
    """Distance between the sub-bands (B, S, N) of the recording and of the generated audio.

    The distance is the spectral convergence plus the L1 distance of the log magnitudes (Yamamoto, Song and Kim 2020),
    averaged over several STFT resolutions.
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
            .clamp(min=_MIN_POWER)
            .sqrt()
            for bands in (real, fake)
        )
        losses.append((one - other).norm() / one.norm() + F.l1_loss(other.log(), one.log()))
    return torch.stack(losses).mean()


def spectral_losses(recording: Tensor, generated: Tensor, bandwidth_hz: Tensor, sample_rate: int) -> Losses:
    """L1 distances of log magnitudes in mel bands ("mel") and in STFT bins ("spectrum"), averaged over `RESOLUTIONS`.

    Args:
        recording: (B, N).
        generated: (B, N).
        bandwidth_hz: bandwidth of each recording, (B,). Higher frequencies are not compared, so that recordings with a
            low bandwidth do not make the voice dull.
    """
    bands, bins = [], []
    for n_fft, n_mels in RESOLUTIONS:
        bins_hz = torch.linspace(0, sample_rate / 2, n_fft // 2 + 1, device=generated.device)
        mask = (bins_hz < bandwidth_hz[:, None]).unsqueeze(2).float()
        one, other = (_magnitudes(signal, n_fft) * mask for signal in (recording, generated))
        bins.append(_masked_distance((one + _QUIET_BIN).log(), (other + _QUIET_BIN).log(), mask))
        triangles = mel_filterbank(sample_rate, n_fft, n_mels).to(generated.device)
        triangles = triangles / triangles.sum(1, keepdim=True).clamp(min=1e-8)
        one, other = ((triangles @ magnitudes + _QUIET_MEL).log() for magnitudes in (one, other))
        bands.append(_masked_distance(one, other, triangles @ mask))
    return {"mel": torch.stack(bands).mean(), "spectrum": torch.stack(bins).mean()}


def _magnitudes(signal: Tensor, n_fft: int) -> Tensor:
    """Compute STFT magnitudes: (B, N) to (B, n_fft / 2 + 1, T).

    Magnitudes are scaled so that white noise of variance 1 has an RMS of 1.2 in each bin.
    """
    window = torch.hann_window(n_fft, device=signal.device)
    spectrum = torch.stft(signal.float(), n_fft, n_fft // 4, window=window, return_complex=True)
    power = torch.view_as_real(spectrum).square().sum(-1)
    magnitudes: Tensor = (power + 1e-9).sqrt() * (2 / n_fft**0.5)
    return magnitudes


def _masked_distance(one: Tensor, other: Tensor, mask: Tensor) -> Tensor:
    """Mean of |one - other|, both (B, C, T), weighted by `mask` (B, C, 1)."""
    return ((one - other).abs() * mask).sum() / (mask.sum() * one.shape[2])
