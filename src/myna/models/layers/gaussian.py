"""Distributions over latent frames."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Gaussian(NamedTuple):
    """A diagonal Gaussian over latent frames; both tensors are (B, C, T)."""

    mean: Tensor
    log_std: Tensor

    def at(self, noise: Tensor, noise_scale: float | Tensor = 1.0) -> Tensor:
        """Return mean + noise_scale * std * noise, for standard normal `noise` (B, C, T)."""
        return self.mean + noise_scale * self.log_std.exp() * noise
