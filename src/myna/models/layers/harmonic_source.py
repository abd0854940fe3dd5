"""The harmonic excitation of a neural source-filter model (Wang, Takaki and Yamagishi 2019)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from myna.models.interface import NoiseSource
from myna.models.layers.cumulative_sum import cumulative_sum

N_HARMONICS = 9  # the fundamental and 8 overtones; RVC has only the fundamental
SINE_AMPLITUDE = 0.1
VOICED_NOISE_STD = 0.003
INITIAL_MIX = 0.5  # initial weight of each harmonic; with 2.0, a small voice learned its spectrum more slowly
UNVOICED_NOISE_STD = SINE_AMPLITUDE / 3


class HarmonicSource(nn.Module):
    """Sines at f0 and its overtones, mixed with learned weights, plus noise; unvoiced frames contain only noise."""

    def __init__(self, sample_rate: int, n_harmonics: int = N_HARMONICS) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        self.n_harmonics = n_harmonics
        self.mix = nn.Linear(n_harmonics, 1)
        # The source is loud from the first training step: with a weak source, a decoder learns a hum at the frame rate.
        nn.init.constant_(self.mix.weight, INITIAL_MIX)
        nn.init.zeros_(self.mix.bias)

    def forward(self, f0: Tensor, hop_length: int, noise: NoiseSource) -> Tensor:
        """
        Args:
            f0: in Hz, 0 in unvoiced frames, (B, T); each value is held for a whole frame.
            hop_length: samples per frame.

        Returns:
            The excitation, (B, 1, T * hop_length), between -1 and 1.
        """
        voiced = (f0 > 0).to(f0.dtype).repeat_interleave(hop_length, dim=1)
        # Overtones start at random phases, the fundamental at phase zero.
        phases = noise.uniform("starting_phases", (f0.shape[0], self.n_harmonics), f0)
        phases[:, 0] = 0
        mixed = torch.zeros_like(voiced)
        # Add one harmonic at a time: for a minute of audio, nine sines at once would need a gigabyte.
        for index, weight in enumerate(self.mix.weight[0]):
            cycles = self._cycles(f0 * (index + 1), hop_length) + phases[:, index, None]
            mixed = mixed + weight * torch.sin(2 * math.pi * cycles)
        # A weighted sum of independent noises has the same distribution as one noise, scaled by the norm of the
        # weights.
        noise_std = self.mix.weight.norm() * (voiced * VOICED_NOISE_STD + (1 - voiced) * UNVOICED_NOISE_STD)
        added = noise_std * noise.normal("source_noise", voiced.shape, voiced)
        return torch.tanh(SINE_AMPLITUDE * mixed * voiced + added + self.mix.bias).unsqueeze(1)

    def _cycles(self, hz: Tensor, hop_length: int) -> Tensor:
        """Return the phase of a sine at `hz` (B, T), in cycles, at each sample: (B, T * hop_length).

        Whole cycles are subtracted during the summation, because a large number leaves few digits for its fraction.
        """
        step = torch.remainder(hz.detach() / self.sample_rate, 1).repeat_interleave(hop_length, dim=1)
        fraction = torch.frac(cumulative_sum(step, 1).to(step.dtype))
        completed = F.pad((fraction.diff(dim=1) < 0).to(step.dtype), (1, 0))
        return cumulative_sum(step - completed, 1).to(step.dtype)


def sine_between_frames(f0: Tensor, hop_length: int, sample_rate: float) -> Tensor:
    """Return a sine whose frequency is interpolated linearly from each frame's start to the next: (B, T * hop_length).

    Args:
        f0: in Hz at the first sample of each frame, (B, T).
        sample_rate: in Hz.
    """
    following = torch.cat([f0[:, 1:], f0[:, -1:]], dim=1)
    place = torch.arange(hop_length, device=f0.device) / hop_length
    hz = f0.unsqueeze(2) + (following - f0).unsqueeze(2) * place
    cycles = torch.remainder(cumulative_sum(hz.flatten(1).detach() / sample_rate, 1), 1).to(f0.dtype)
    return torch.sin(2 * math.pi * cycles)
