"""The distributions that the synthesizer speaks of."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from myna.models.layers import draws


class Gaussian(NamedTuple):
    """A diagonal Gaussian over latent frames; both tensors are (B, C, T)."""

    mean: Tensor
    log_std: Tensor

    def sample(self, noise_scale: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        """Draw once, the spread scaled by `noise_scale`; (B, C, T)."""
        noise = draws.normal(self.mean.shape, self.mean, generator)
        return self.mean + noise_scale * self.log_std.exp() * noise
