"""The excitation of a neural source-filter model (Wang, Takaki and Yamagishi 2019): what the vocal folds would do."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from myna.models.layers import draws
from myna.models.layers.running_sum import running_sum

N_HARMONICS = 9  # the fundamental and 8 overtones; RVC has the fundamental alone
SINE_AMPLITUDE = 0.1
VOICED_NOISE_STD = 0.003
INITIAL_MIX = 0.5  # of each harmonic; with 2.0 a small voice learned its spectrum more slowly
UNVOICED_NOISE_STD = SINE_AMPLITUDE / 3


class HarmonicSource(nn.Module):
    """Sines at f0 and its overtones, mixed by learned weights; noise where there is no pitch."""

    def __init__(self, sample_rate: int, n_harmonics: int = N_HARMONICS) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        self.n_harmonics = n_harmonics
        self.mix = nn.Linear(n_harmonics, 1)
        # Loud from the first step: a decoder that hardly hears its source learns to hum at the frame rate instead.
        nn.init.constant_(self.mix.weight, INITIAL_MIX)
        nn.init.zeros_(self.mix.bias)

    def forward(self, f0: Tensor, hop_length: int, generator: torch.Generator | None = None) -> Tensor:
        """
        Args:
            f0: Hz, 0 where there is no pitch, (B, T); constant within a frame.
            hop_length: samples a frame.

        Returns:
            (B, 1, T * hop_length), between -1 and 1.
        """
        voiced = (f0 > 0).to(f0.dtype).repeat_interleave(hop_length, dim=1)
        # Overtones start anywhere, the fundamental at zero.
        starts = draws.uniform((f0.shape[0], self.n_harmonics), f0, generator)
        starts[:, 0] = 0
        mixed = torch.zeros_like(voiced)
        # One harmonic after the other: nine sines of a minute at once would take a gigabyte.
        for index, weight in enumerate(self.mix.weight[0]):
            cycles = self._cycles(f0 * (index + 1), hop_length) + starts[:, index, None]
            mixed = mixed + weight * torch.sin(2 * math.pi * cycles)
        # The mix of independent noises is one noise, as strong as the weights are long: one draw a sample, not nine.
        noise_std = self.mix.weight.norm() * (voiced * VOICED_NOISE_STD + (1 - voiced) * UNVOICED_NOISE_STD)
        noise = noise_std * draws.normal(voiced.shape, voiced, generator)
        return torch.tanh(SINE_AMPLITUDE * mixed * voiced + noise + self.mix.bias).unsqueeze(1)

    def _cycles(self, hz: Tensor, hop_length: int) -> Tensor:
        """Phase, in cycles, of a sine at `hz` (B, T); (B, T * hop_length).

        Whole cycles are taken off as they complete: a large phase has few digits left for its fraction.
        """
        step = torch.remainder(hz.detach() / self.sample_rate, 1).repeat_interleave(hop_length, dim=1)
        fraction = torch.frac(running_sum(step, 1).to(step.dtype))
        completed = F.pad((fraction.diff(dim=1) < 0).to(step.dtype), (1, 0))
        return running_sum(step - completed, 1).to(step.dtype)
