"""Diffusion over mel spectrograms (Ho et al. 2020), shallow as in DiffSinger (Liu et al. 2022).

The synthesizer's mel spectrogram x_0 gets noise up to level k:

    x_k = alpha_k * x_0 + sigma_k * noise

A denoiser predicts that noise from x_k, k, and the embedded conditions. A solver takes x_k back to level 0.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from myna.config import RefinementMethod
from myna.models.diffusion import schedulers
from myna.models.diffusion.conditioning import RefinerConditioning
from myna.models.diffusion.conv_denoiser import ConvDenoiser
from myna.models.diffusion.denoiser import Denoiser
from myna.models.diffusion.mel_scale import scaled, unscaled
from myna.models.diffusion.noise_schedule import NoiseSchedule
from myna.models.interface import Conditions, NoiseSource, RefinerSampling
from myna.models.sizes import RefinerSizes

USUAL_METHOD: RefinementMethod = "dpm-solver++"


class GaussianDiffusion(nn.Module):
    """A `Refiner` that adds and removes Gaussian noise."""

    def __init__(self, sizes: RefinerSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.schedule = NoiseSchedule(sizes.n_levels, sizes.highest_beta)
        self.conditioning = RefinerConditioning(sizes)
        self.denoiser = Denoiser(sizes) if sizes.conv is None else ConvDenoiser(sizes)

    @torch.inference_mode()
    def refine(self, conditions: Conditions, mel: Tensor | None, sampling: RefinerSampling) -> Tensor:
        """Return a refined mel spectrogram; see `Refiner.refine`."""
        k_step = checked_k_step(self.sizes, mel, sampling)
        method = sampling.method or USUAL_METHOD
        if method not in schedulers.SOLVERS:
            raise ValueError(f"a diffusion has no solver {method!r}; there are: {', '.join(schedulers.SOLVERS)}")
        if mel is not None and not k_step:
            return mel
        condition = self.conditioning(conditions)
        noise = sampling.noise.normal(
            "mel_noise", (condition.shape[0], self.sizes.n_mels, condition.shape[2]), condition
        )
        level = condition.new_full((condition.shape[0],), k_step - 1, dtype=torch.long)
        noisy = noise if mel is None else self.noised(scaled(mel), level, noise)

        def predict_noise(at: Tensor, level: float) -> Tensor:
            predicted: Tensor = self.denoiser(at, at.new_full((at.shape[0],), level), condition)
            return predicted

        return unscaled(schedulers.solve(method, self.schedule, noisy, k_step, sampling.speedup, predict_noise))

    def noised(self, mel: Tensor, level: Tensor, noise: Tensor) -> Tensor:
        """Return x_k for a mel spectrogram x_0 on the scale of `mel_scale`.

        Args:
            mel: (B, n_mels, T).
            level: k of each item, (B,), long.
            noise: standard normal numbers, (B, n_mels, T).
        """
        levels = level.cpu().numpy().astype(float)
        alpha, sigma = (
            torch.from_numpy(values).to(mel)[:, None, None]
            for values in (self.schedule.alpha_at(levels), self.schedule.sigma_at(levels))
        )
        return alpha * mel + sigma * noise

    def forward(
        self, conditions: Conditions, mel: Tensor, mask: Tensor, noise: NoiseSource, key_shift: Tensor | None = None
    ) -> Tensor:
        """Return the loss of the denoiser at random levels: the mean squared error of the predicted noise (a number).

        Args:
            mel: natural logarithm of the recordings' mel spectrograms, (B, n_mels, T).
            mask: 1 on real frames and 0 on padding, (B, 1, T).
            key_shift: shift of augmented clips in semitones, (B,); None for no shift.
        """
        level = (noise.uniform("noise_levels", (mel.shape[0],), mel) * self.sizes.max_k_step).long()
        drawn = noise.normal("mel_noise", mel.shape, mel)
        noisy = self.noised(scaled(mel), level, drawn)
        predicted = self.denoiser(noisy, level.to(mel.dtype), self.conditioning(conditions, key_shift))
        return masked_mean(F.mse_loss(predicted, drawn, reduction="none"), mask)


def checked_k_step(sizes: RefinerSizes, mel: Tensor | None, sampling: RefinerSampling) -> int:
    """Return the level at which a refinement starts: `k_step`, or the highest one if it starts from noise alone.

    Raises:
        ValueError: the refiner was not trained for this level.
    """
    if mel is None:
        if sizes.max_k_step < sizes.n_levels:
            raise ValueError(
                f"this refiner was trained up to k_step {sizes.max_k_step} of {sizes.n_levels}: it cannot start from "
                "noise alone"
            )
        return sizes.n_levels
    if not 0 <= sampling.k_step <= sizes.max_k_step:
        raise ValueError(f"k_step must be between 0 and {sizes.max_k_step} for this refiner; got {sampling.k_step}")
    return sampling.k_step


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of values (B, C, T) over the frames where `mask` (B, 1, T) is 1."""
    return (values * mask).sum() / (mask.sum() * values.shape[1])
