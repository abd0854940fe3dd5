"""What a source-filter voice begins with: pulses at the pitch, breath, and breath that comes in pulses.

All three are as strong at every frequency and have a variance of 1 at every pitch, so that a filter that was learned
at one pitch is as good at another.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from myna.models.layers import draws
from myna.models.layers.running_sum import running_sum

N_SOURCES = 3
LOWEST_HZ = 40.0  # where nothing is voiced the contour is 0, and the filter lets no pulses through


@dataclass(frozen=True)
class Excitation:
    """What the three sources of a song are made of, (B, N) each; they take memory, and are made a piece at a time."""

    hz: Tensor
    cycles: Tensor  # where in its cycle a pulse is, 0 to 1
    noise: Tensor  # (2, B, N)
    voiced: Tensor | None  # how much of pulses and of swelling there is, 0 to 1; None is all
    sample_rate: int

    @classmethod
    def along(
        cls,
        f0: Tensor,
        voiced: Tensor | None,
        hop_length: int,
        sample_rate: int,
        generator: torch.Generator | None = None,
    ) -> Self:
        """
        Args:
            f0: Hz with the gaps filled, (B, T).
            voiced: where there are pulses and swelling, (B, T); None is everywhere.
        """
        hz = _between_frames(f0.detach().float().clamp(min=LOWEST_HZ), hop_length)
        cycles = torch.remainder(running_sum(hz, 1) / sample_rate, 1).float()
        noise = draws.normal((2, *cycles.shape), cycles, generator)
        return cls(
            hz, cycles, noise, None if voiced is None else _between_frames(voiced.float(), hop_length), sample_rate
        )

    def samples(self, piece: slice = slice(None)) -> Tensor:
        """Pulses, noise that swells with each pulse, and noise: (B, 3, n)."""
        cycles, noise = self.cycles[:, piece], self.noise[..., piece]
        # The square of 1 + cos has a mean of 1.5; its peak is where the pulse is.
        swelling = (1 + torch.cos(2 * math.pi * cycles)) / math.sqrt(1.5)
        beating = torch.stack([pulses(cycles, self.hz[:, piece], self.sample_rate), noise[1] * swelling], dim=1)
        if self.voiced is not None:
            beating = beating * self.voiced[:, None, piece]
        return torch.cat([beating, noise[0].unsqueeze(1)], dim=1)


def pulses(cycles: Tensor, hz: Tensor, sample_rate: int) -> Tensor:
    """All harmonics of `hz` up to half the sample rate, in equal strength, at the phase `cycles` (B, N) in 0..1.

    The sum of cosines in closed form (Dirichlet's kernel), scaled to a variance of 1.
    """
    n_harmonics = torch.floor(sample_rate / 2 / hz)
    half = math.pi * (cycles - cycles.round())  # -pi/2 .. pi/2: at its middle the quotient is 2 n + 1
    odd = 2 * n_harmonics + 1
    quotient = torch.where(half.abs() < 1e-4, odd, torch.sin(odd * half) / torch.sin(half))
    return (quotient - 1) / (2 * n_harmonics).sqrt()


def _between_frames(f0: Tensor, hop_length: int) -> Tensor:
    """The contour at every sample: straight lines between the middles of frames; (B, T) -> (B, T * hop_length)."""
    return F.interpolate(f0.unsqueeze(1), scale_factor=float(hop_length), mode="linear").squeeze(1)
