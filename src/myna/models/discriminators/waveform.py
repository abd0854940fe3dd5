"""HiFi-GAN's period discriminators (Kong, Kim and Bae 2020), and MelGAN's scale discriminator at one scale.

Each discriminator scores every short stretch of a signal. The losses also compare the feature maps of generated and
recorded audio (feature matching).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from myna.models.interface import DiscriminatorOutput, Discriminators

PERIODS = (2, 3, 5, 7, 11)  # in samples; prime numbers, so that the discriminators sample different grids
LEAK = 0.1  # slope of the rectifiers below zero


class WaveformDiscriminators(Discriminators):
    """One scale discriminator and one discriminator per period; as in so-vits-svc, they score the whole bandwidth.

    Args:
        width: number of channels in the widest layers, a multiple of 256. so-vits-svc has 1024.
    """

    def __init__(self, width: int = 1024) -> None:
        super().__init__()
        self.discriminators = nn.ModuleList(
            [ScaleDiscriminator(width), *(PeriodDiscriminator(period, width) for period in PERIODS)]
        )

    def forward(self, audio: Tensor, bandwidth_hz: Tensor) -> list[DiscriminatorOutput]:
        return [discriminator(audio) for discriminator in self.discriminators]


class ScaleDiscriminator(nn.Module):
    """Score the waveform with strided grouped convolutions over time."""

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
        return score(audio, self.convs, self.output_conv)


class PeriodDiscriminator(nn.Module):
    """Score the `period` signals that consist of every `period`-th sample, one for each offset."""

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
        return score(padded.reshape(*padded.shape[:2], -1, self.period), self.convs, self.output_conv)


def score(signal: Tensor, convs: Iterable[nn.Module], output_conv: nn.Module) -> DiscriminatorOutput:
    """Apply the layers of a discriminator, and return its scores and the feature map of each layer."""
    feature_maps = []
    for conv in convs:
        signal = F.leaky_relu(conv(signal), LEAK)
        feature_maps.append(signal)
    scores = output_conv(signal)
    return DiscriminatorOutput(scores.flatten(1), [*feature_maps, scores])
