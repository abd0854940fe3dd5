"""The judges of training: HiFi-GAN's (Kong, Kim and Bae 2020) period discriminators, and MelGAN's at one scale.

Each gives a score for every stretch of a signal, drawn to 1 for recordings and to 0 for what the synthesizer makes.
What their layers see is compared, too: the synthesizer learns to make the same impression as the recording.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

PERIODS = (2, 3, 5, 7, 11)  # samples; primes, so that no two judges see the same
LEAK = 0.1  # slope of the rectifiers below zero


class DiscriminatorOutput(NamedTuple):
    """What one discriminator says of a batch of signals."""

    score: Tensor  # (B, .)
    feature_maps: list[Tensor]  # (B, C, ...) of each layer


class Discriminators(nn.Module):
    """All judges of a training, whatever they look at."""

    judges: nn.ModuleList

    def forward(self, audio: Tensor, highest_hz: Tensor) -> list[DiscriminatorOutput]:
        """Judge signals.

        Args:
            audio: (B, 1, N).
            highest_hz: above it the recording holds nothing, which is no merit of it, (B,).
        """
        raise NotImplementedError


class WaveformDiscriminators(Discriminators):
    """One judge for the waveform as it is, one for each period; they hear the whole band, as the field's do.

    Args:
        width: channels of the widest layers, a multiple of 256; the field's have 1024.
    """

    def __init__(self, width: int = 1024) -> None:
        super().__init__()
        self.judges = nn.ModuleList(
            [ScaleDiscriminator(width), *(PeriodDiscriminator(period, width) for period in PERIODS)]
        )

    def forward(self, audio: Tensor, highest_hz: Tensor) -> list[DiscriminatorOutput]:
        return [judge(audio) for judge in self.judges]


class ScaleDiscriminator(nn.Module):
    """Judge the waveform with strided grouped convolutions over time."""

    def __init__(self, width: int) -> None:
        super().__init__()
        channels = (1, width // 64, width // 16, width // 4, width, width)
        shapes = (15, 1, 1), (41, 4, 4), (41, 4, 16), (41, 4, 64), (41, 4, 256)  # kernel size, stride, groups
        grouped = [
            weight_norm(nn.Conv1d(narrow, wide, size, stride, padding=size // 2, groups=groups))
            for (narrow, wide), (size, stride, groups) in zip(pairwise(channels), shapes, strict=True)
        ]
        self.convs = nn.ModuleList([*grouped, weight_norm(nn.Conv1d(width, width, 5, padding=2))])
        self.output_conv = weight_norm(nn.Conv1d(width, 1, 3, padding=1))

    def forward(self, audio: Tensor) -> DiscriminatorOutput:
        return judged(audio, self.convs, self.output_conv)


class PeriodDiscriminator(nn.Module):
    """Judge every `period`-th sample, for each of the `period` places to start."""

    def __init__(self, period: int, width: int) -> None:
        super().__init__()
        self.period = period
        channels = (1, width // 32, width // 8, width // 2, width)
        strided = [
            weight_norm(nn.Conv2d(narrow, wide, (5, 1), stride=(3, 1), padding=(2, 0)))
            for narrow, wide in pairwise(channels)
        ]
        self.convs = nn.ModuleList([*strided, weight_norm(nn.Conv2d(width, width, (5, 1), padding=(2, 0)))])
        self.output_conv = weight_norm(nn.Conv2d(width, 1, (3, 1), padding=(1, 0)))

    def forward(self, audio: Tensor) -> DiscriminatorOutput:
        missing = -audio.shape[2] % self.period
        padded = F.pad(audio, (0, missing), mode="reflect")
        return judged(padded.reshape(*padded.shape[:2], -1, self.period), self.convs, self.output_conv)


def judged(signal: Tensor, convs: Iterable[nn.Module], output_conv: nn.Module) -> DiscriminatorOutput:
    """Pass a signal through the layers of a judge, and keep what each makes of it."""
    feature_maps = []
    for conv in convs:
        signal = F.leaky_relu(conv(signal), LEAK)
        feature_maps.append(signal)
    score = output_conv(signal)
    return DiscriminatorOutput(score.flatten(1), [*feature_maps, score])
