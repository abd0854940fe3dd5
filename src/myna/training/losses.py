"""What the two networks are trained for: the losses of VITS (Kim, Kong and Son 2021), by name.

All are computed in single precision, whatever the networks compute in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from myna.config import TrainConfig
from myna.models.discriminators import Judgement
from myna.models.synthesizer import Gaussian

Losses = dict[str, Tensor]

_LEAST_POWER = 1e-7  # where the magnitudes of `subband_loss` are floored


def loss_weights(train: TrainConfig) -> dict[str, float]:
    """The weight of each loss of the synthesizer."""
    return {
        "adversarial": 1.0,
        "feature_matching": 2.0,
        "mel": train.c_mel,
        "kl": train.c_kl,
        "f0": 1.0,
        "subband": 1.0,
    }


def weighted_sum(losses: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Add the losses up; one without a weight is an error, never a silent zero."""
    if missing := losses.keys() - weights.keys():
        raise KeyError(f"no weight for {sorted(missing)}; known: {sorted(weights)}")
    return torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()


def critic_loss(real: Sequence[Judgement], fake: Sequence[Judgement]) -> Tensor:
    """Least squares: scores of recordings are drawn to 1, of what was made to 0."""
    losses = [
        (1 - judged.score.float()).square().mean() + made.score.float().square().mean()
        for judged, made in zip(real, fake, strict=True)
    ]
    return torch.stack(losses).sum()


def adversarial_loss(fake: Sequence[Judgement]) -> Tensor:
    """Least squares: what was made shall be taken for a recording."""
    return torch.stack([(1 - made.score.float()).square().mean() for made in fake]).sum()


def feature_matching_loss(real: Sequence[Judgement], fake: Sequence[Judgement]) -> Tensor:
    """What was made shall impress each layer of the judges as the recording does."""
    distances = [
        F.l1_loss(other.float(), one.float().detach())
        for judged, made in zip(real, fake, strict=True)
        for one, other in zip(judged.feature_maps, made.feature_maps, strict=True)
    ]
    return torch.stack(distances).sum()


def kl_loss(latent_in_prior: Tensor, posterior: Gaussian, prior: Gaussian, mask: Tensor) -> Tensor:
    """KL(posterior || prior), estimated from one sample of the posterior seen through the flow; a frame's mean.

    Args:
        latent_in_prior: the sample, (B, C, T).
        mask: 1 on real frames, (B, 1, T).
    """
    log_std = prior.log_std.float()
    distance = (latent_in_prior.float() - prior.mean.float()).square()
    divergence = log_std - posterior.log_std.float() - 0.5 + 0.5 * distance * torch.exp(-2 * log_std)
    return (divergence * mask).sum() / mask.sum()


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
