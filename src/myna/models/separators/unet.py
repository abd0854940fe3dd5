"""Spleeter's separation of a song into vocals and accompaniment (Hennequin et al. 2020): one U-Net for each stem.

A U-Net (Jansson et al. 2017) halves time and frequency six times with strided convolutions and doubles them again. Each
stage of the second half, except its first stage, also receives the result of the corresponding convolution in the first
half. Batch normalisation is a gain and an offset per channel here, because its statistics are constant.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

N_CHANNELS = 2  # left and right
N_BINS = 1024  # the lowest bins of a transform of 4096 samples
CHANNELS = (16, 32, 64, 128, 256, 512)
KERNEL_SIZE = 5
LEAK = 0.2  # slope of the leaky ReLU below 0
STRIDE = 2 ** len(CHANNELS)  # must divide the numbers of frames and of bins
# Padding before and after an axis of even length for a stride of 2, as in TensorFlow.
BEFORE, AFTER = 1, 2
# The mask of a frame depends on this many frames before and after it. The receptive field is slightly larger, but more
# distant frames change the mask by less than 1e-4 (tests/models/test_separators.py).
REACH_FRAMES = 3 * STRIDE
_LEAST_POWER = 1e-10  # added to both estimates, so that the shares are equal where both are 0


class Affine(nn.Module):
    """Multiplication by a gain and addition of an offset per channel, for (B, C, T, F)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels))
        self.offset = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gain[:, None, None] + self.offset[:, None, None]


class Contraction(nn.Module):
    """Convolution that halves both axes: (B, C, T, F) to (B, out_channels, T / 2, F / 2)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, out_channels, KERNEL_SIZE, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        convolved: Tensor = self.convolution(F.pad(x, (BEFORE, AFTER, BEFORE, AFTER)))
        return convolved


class Expansion(nn.Module):
    """Transposed convolution that doubles both axes: (B, C, T, F) to (B, out_channels, 2 T, 2 F); ReLU, and affine."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.convolution = nn.ConvTranspose2d(in_channels, out_channels, KERNEL_SIZE, stride=2)
        self.affine = Affine(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        inside = self.convolution(x)[..., BEFORE:-AFTER, BEFORE:-AFTER]
        expanded: Tensor = self.affine(F.relu(inside))
        return expanded


class UNet(nn.Module):
    """Estimate the magnitude spectrogram of one stem from that of the song."""

    def __init__(self) -> None:
        super().__init__()
        inputs = (N_CHANNELS, *CHANNELS[:-1])
        self.contractions = nn.ModuleList(map(Contraction, inputs, CHANNELS))
        self.affines = nn.ModuleList(map(Affine, CHANNELS[:-1]))
        outputs = (*CHANNELS[-2::-1], 1)
        # Every expansion except the first also receives the result of the contraction with the same number of channels.
        joined = (CHANNELS[-1], *(2 * channels for channels in outputs[:-1]))
        self.expansions = nn.ModuleList(map(Expansion, joined, outputs))
        self.mask = nn.Conv2d(1, N_CHANNELS, kernel_size=4, dilation=2, padding=3)

    def forward(self, magnitude: Tensor) -> Tensor:
        """
        Args:
            magnitude: (B, N_CHANNELS, T, N_BINS), with T a multiple of `STRIDE`.

        Returns:
            Magnitude of the stem, of the same shape.
        """
        skipped = [self.contractions[0](magnitude)]
        for affine, contract in zip(self.affines, self.contractions[1:], strict=True):
            skipped.append(contract(F.leaky_relu(affine(skipped[-1]), LEAK)))
        expanded = self.expansions[0](skipped.pop())
        for expand in self.expansions[1:]:
            expanded = expand(torch.cat([skipped.pop(), expanded], dim=1))
        stem: Tensor = magnitude * torch.sigmoid(self.mask(expanded))
        return stem


class TwoStems(nn.Module):
    """Estimate the vocals' share of the power of a song at each time and frequency."""

    def __init__(self) -> None:
        super().__init__()
        self.vocals = UNet()
        self.accompaniment = UNet()

    def forward(self, magnitude: Tensor) -> Tensor:
        """Return the share, 0 to 1, for `magnitude` as in `UNet.forward`; the shape is the same."""
        vocals = self.vocals(magnitude).square()
        accompaniment = self.accompaniment(magnitude).square()
        share: Tensor = (vocals + _LEAST_POWER / 2) / (vocals + accompaniment + _LEAST_POWER)
        return share
