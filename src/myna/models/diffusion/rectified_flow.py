"""Rectified flow over mel spectrograms (Liu, Gong and Liu 2023), as in DDSP-SVC 6.

A straight line connects noise at time 0 with the recording's mel spectrogram at time 1:

    x_t = (1 - t) * noise + t * mel,    velocity = mel - noise

A network predicts the velocity from x_t, t, and the embedded conditions. Because the lines are almost straight, few
steps along the velocity suffice. A refinement starts at `t_start` with the synthesizer's mel spectrogram in place of
the recording's. Level k of `n_levels` is the time t = 1 - k / n_levels. `k_step` thus means the same as for a
diffusion: the level of noise from which the refinement starts.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from myna.config import RefinementMethod
from myna.models.diffusion.conditioning import RefinerConditioning
from myna.models.diffusion.conv_denoiser import ConvDenoiser
from myna.models.diffusion.denoiser import Denoiser
from myna.models.diffusion.gaussian import checked_k_step, masked_mean
from myna.models.diffusion.mel_scale import scaled, unscaled
from myna.models.interface import Conditions, NoiseSource, RefinerSampling
from myna.models.sizes import RefinerSizes

USUAL_METHOD: RefinementMethod = "euler"
_TIME_SCALE = 1000.0  # DDSP-SVC embeds times as if they were levels
_EDGE = 1e-7  # least distance of a random time from 0 and 1

Velocity = Callable[[Tensor, float], Tensor]  # (x_t, t) -> velocity


class RectifiedFlow(nn.Module):
    """A `Refiner` that moves mel spectrograms along straight lines."""

    def __init__(self, sizes: RefinerSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.conditioning = RefinerConditioning(sizes)
        self.denoiser = Denoiser(sizes) if sizes.conv is None else ConvDenoiser(sizes)

    @torch.inference_mode()
    def refine(self, conditions: Conditions, mel: Tensor | None, sampling: RefinerSampling) -> Tensor:
        """Return a refined mel spectrogram; see `Refiner.refine`."""
        k_step = checked_k_step(self.sizes, mel, sampling)
        method = sampling.method or USUAL_METHOD
        if method not in STEPS:
            raise ValueError(f"a rectified flow has no solver {method!r}; there are: {', '.join(STEPS)}")
        if mel is not None and not k_step:
            return mel
        condition = self.conditioning(conditions)
        noise = sampling.noise.normal(
            "mel_noise", (condition.shape[0], self.sizes.n_mels, condition.shape[2]), condition
        )
        start = 1 - k_step / self.sizes.n_levels
        x = noise if mel is None else (1 - start) * noise + start * scaled(mel)

        def velocity(at: Tensor, time: float) -> Tensor:
            predicted: Tensor = self.denoiser(at, at.new_full((at.shape[0],), _TIME_SCALE * time), condition)
            return predicted

        return unscaled(integrate(method, velocity, x, start, max(round(k_step / sampling.speedup), 1)))

    def forward(
        self, conditions: Conditions, mel: Tensor, mask: Tensor, noise: NoiseSource, key_shift: Tensor | None = None
    ) -> Tensor:
        """Return the loss of the velocity at random times (a number); arguments as for `GaussianDiffusion`.

        The squared error is weighted by a logit-normal density over time (Esser et al. 2024, section 3.1), so that
        times in the middle, where the velocity is hardest to predict, count most.
        """
        lowest = 1 - self.sizes.max_k_step / self.sizes.n_levels
        time = lowest + (1 - lowest) * noise.uniform("noise_levels", (mel.shape[0],), mel)
        time = time.clamp(_EDGE, 1 - _EDGE)
        drawn = noise.normal("mel_noise", mel.shape, mel)
        clean, at = scaled(mel), time[:, None, None]
        predicted = self.denoiser(
            (1 - at) * drawn + at * clean, _TIME_SCALE * time, self.conditioning(conditions, key_shift)
        )
        error = F.mse_loss(predicted, clean - drawn, reduction="none")
        density = torch.exp(-0.5 * torch.logit(at) ** 2) / (math.sqrt(2 * math.pi) * at * (1 - at))
        return masked_mean(density * error, mask)


def integrate(method: RefinementMethod, velocity: Velocity, x: Tensor, start: float, n_steps: int) -> Tensor:
    """Move `x` along a velocity from time `start` to 1 in equal steps."""
    duration = (1 - start) / n_steps
    for index in range(n_steps):
        x = STEPS[method](velocity, x, start + index * duration, duration)
    return x


def _euler(velocity: Velocity, x: Tensor, time: float, duration: float) -> Tensor:
    return x + duration * velocity(x, time)


def _heun(velocity: Velocity, x: Tensor, time: float, duration: float) -> Tensor:
    """Take the mean of the velocities at the beginning and at the end of the step, which is exact to order 2."""
    before = velocity(x, time)
    return x + duration / 2 * (before + velocity(x + duration * before, time + duration))


STEPS: dict[RefinementMethod, Callable[[Velocity, Tensor, float, float], Tensor]] = {"euler": _euler, "heun": _heun}
