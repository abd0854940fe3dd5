"""The excitation of a neural source-filter model (Wang, Takaki and Yamagishi 2019): what the vocal folds would do."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from myna.models.layers import draws

N_HARMONICS = 9  # the fundamental and 8 overtones
SINE_AMPLITUDE = 0.1
VOICED_NOISE_STD = 0.003
UNVOICED_NOISE_STD = SINE_AMPLITUDE / 3


class HarmonicSource(nn.Module):
    """Sines at f0 and its overtones, mixed by learned weights; noise where there is no pitch."""

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        self.mix = nn.Linear(N_HARMONICS, 1)

    def forward(self, f0: Tensor, hop_length: int, generator: torch.Generator | None = None) -> Tensor:
        """
        Args:
            f0: Hz, 0 where there is no pitch, (B, T); constant within a frame.
            hop_length: samples a frame.

        Returns:
            (B, 1, T * hop_length), between -1 and 1.
        """
        phase = self._phase(f0.detach(), hop_length)
        # Overtones start anywhere, the fundamental at zero.
        starts = draws.uniform((f0.shape[0], N_HARMONICS), phase, generator)
        starts[:, 0] = 0
        voiced = (f0 > 0).to(phase.dtype).repeat_interleave(hop_length, dim=1)
        weights = self.mix.weight[0]
        # One harmonic after the other: minutes of audio times 9 sines would be gigabytes.
        mixed = torch.zeros_like(phase)
        for harmonic in range(N_HARMONICS):
            cycles = phase * (harmonic + 1) + starts[:, harmonic, None]
            mixed = mixed + (SINE_AMPLITUDE * weights[harmonic]) * torch.sin(2 * math.pi * cycles)
        # The mix of independent noises is one noise, as strong as the weights' norm: one draw a sample, not nine.
        noise_std = voiced * VOICED_NOISE_STD + (1 - voiced) * UNVOICED_NOISE_STD
        noise = noise_std * weights.norm() * draws.normal(phase.shape, phase, generator)
        return torch.tanh(mixed * voiced + noise + self.mix.bias).unsqueeze(1)

    def _phase(self, f0: Tensor, hop_length: int) -> Tensor:
        """Phase of the fundamental at each sample, in cycles from 0 up to one frame's worth, (B, T * hop_length).

        The phase at the start of each frame is accumulated in double precision and stripped of whole cycles: a single
        precision sum over samples drifts by audible amounts within a minute.
        """
        wide = torch.float32 if f0.device.type == "mps" else torch.float64
        per_sample = f0.to(wide) / self.sample_rate
        at_end = (per_sample * hop_length).cumsum(1)
        at_start = torch.frac(torch.nn.functional.pad(at_end[:, :-1], (1, 0))).float()
        steps = torch.arange(1, hop_length + 1, device=f0.device)
        return (at_start[..., None] + per_sample.float()[..., None] * steps).flatten(1)
