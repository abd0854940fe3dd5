"""Noise levels of a diffusion: linearly growing variances (Ho et al. 2020, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Levels = NDArray[np.float64]
_LOWEST_BETA = 1e-4


@dataclass(frozen=True)
class NoiseSchedule:
    """Variances of the noise that a diffusion adds at each level.

    At level k, the mel spectrogram x_0 has become x_k = alpha_k * x_0 + sigma_k * noise, with alpha_k ** 2 + sigma_k
    ** 2 = 1.
    """

    n_levels: int
    highest_beta: float

    @cached_property
    def betas(self) -> Levels:
        """Variance of the noise added at each level, (n_levels,)."""
        return np.linspace(_LOWEST_BETA, self.highest_beta, self.n_levels)

    def alpha_at(self, levels: Levels) -> Levels:
        """Return alpha at these levels; between whole numbers, log alpha is interpolated linearly (Lu et al. 2022a)."""
        log_alpha = 0.5 * np.log1p(-self.betas).cumsum()
        alpha: Levels = np.exp(np.interp(levels, np.arange(self.n_levels), log_alpha))
        return alpha

    def sigma_at(self, levels: Levels) -> Levels:
        """Return sigma at these levels."""
        sigma: Levels = np.sqrt(1 - self.alpha_at(levels) ** 2)
        return sigma

    def betas_between(self, levels: Levels) -> Levels:
        """Return the variances (n,) of a schedule with only these levels (n,) of this schedule, in ascending order."""
        power = self.alpha_at(levels) ** 2
        betas: Levels = 1 - power / np.concatenate([[1.0], power[:-1]])
        return betas
