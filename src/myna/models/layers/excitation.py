"""The three sources of a source-filter voice: pulses at f0, noise modulated by the pulses, and noise.

All have a flat spectrum and a variance of 1 at every f0, so that a filter learned at one pitch fits another.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from myna.models.interface import NoiseSource
from myna.models.layers.cumulative_sum import cumulative_sum

Interpolation = Callable[[Tensor, int], Tensor]  # (B, T), hop_length -> (B, T * hop_length)

N_SOURCES = 3
LOWEST_HZ = 40.0  # f0 is clamped to it: contours without voiced frames are 0


@dataclass(frozen=True)
class Excitation:
    """State from which the sources of a song are computed piece by piece, (B, N) each, to save memory."""

    hz: Tensor
    cycles: Tensor  # phase of the pulses, 0 to 1
    noise: Tensor  # (2, B, N)
    voiced: Tensor | None  # weight of pulses and modulated noise, 0 to 1; None is 1 everywhere
    sample_rate: int

    @classmethod
    def along(
        cls,
        f0: Tensor,
        voiced: Tensor | None,
        hop_length: int,
        sample_rate: int,
        noise: NoiseSource,
        interpolate: Interpolation,
    ) -> Self:
        """
        Args:
            f0: Hz with the gaps filled, (B, T).
            voiced: frames with pulses and modulated noise, (B, T); None is all.
            interpolate: `between_frames`, or its explicit form.
        """
        hz = interpolate(f0.detach().float().clamp(min=LOWEST_HZ), hop_length)
        cycles = torch.remainder(cumulative_sum(hz, 1) / sample_rate, 1).float()
        normal = noise.normal("source_noise", (2, *cycles.shape), cycles)
        weight = None if voiced is None else interpolate(voiced.float(), hop_length)
        return cls(hz, cycles, normal, weight, sample_rate)

    def samples(self, piece: slice = slice(None)) -> Tensor:
        """Return pulses, pulse-modulated noise and noise of some samples: (B, 3, n)."""
        cycles, noise = self.cycles[:, piece], self.noise[..., piece]
        # (1 + cos)^2 has a mean of 1.5 and its maximum at the pulse.
        modulation = (1 + torch.cos(2 * math.pi * cycles)) / math.sqrt(1.5)
        periodic = torch.stack([pulses(cycles, self.hz[:, piece], self.sample_rate), noise[1] * modulation], dim=1)
        if self.voiced is not None:
            periodic = periodic * self.voiced[:, None, piece]
        return torch.cat([periodic, noise[0].unsqueeze(1)], dim=1)


def pulses(cycles: Tensor, hz: Tensor, sample_rate: int) -> Tensor:
    """Return all harmonics of `hz` up to half the sample rate, in equal strength, at the phase `cycles` (B, N) in 0..1.

    The sum of cosines in closed form (Dirichlet's kernel), scaled to a variance of 1.
    """
    n_harmonics = torch.floor(sample_rate / 2 / hz)
    half = math.pi * (cycles - cycles.round())  # -pi/2 .. pi/2: at its middle the quotient is 2 n + 1
    odd = 2 * n_harmonics + 1
    quotient = torch.where(half.abs() < 1e-4, odd, torch.sin(odd * half) / torch.sin(half))
    return (quotient - 1) / (2 * n_harmonics).sqrt()


def between_frames(contour: Tensor, hop_length: int) -> Tensor:
    """Interpolate linearly between the middles of frames: (B, T) to (B, T * hop_length)."""
    return F.interpolate(contour.unsqueeze(1), scale_factor=float(hop_length), mode="linear").squeeze(1)


def between_frames_explicitly(contour: Tensor, hop_length: int) -> Tensor:
    """Compute `between_frames` to the last bit in operations that ONNX rounds as PyTorch does; several times slower.

    PyTorch adds the unrounded product with the earlier frame to the rounded product with the later one. The last bit
    counts: it can add or remove a harmonic of the pulses.
    """
    place = (torch.arange(hop_length) + 0.5) / hop_length - 0.5
    before = place < 0  # the middle of the frame
    weight = place + before.float()
    around = F.pad(contour.unsqueeze(1), (1, 1), mode="replicate").squeeze(1).unsqueeze(2)
    earlier = torch.where(before, around[:, :-2], around[:, 1:-1])
    later = torch.where(before, around[:, 1:-1], around[:, 2:])
    return (earlier.double() * (1 - weight).double() + (later * weight).double()).float().flatten(1)
