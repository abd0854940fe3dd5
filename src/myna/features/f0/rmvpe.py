"""RMVPE (Wei et al. 2023, arXiv:2306.15412): a U-Net and a recurrent layer with a mel spectrogram as input.

Modules have the names of the public file `rmvpe.pt` (MIT), so that it is loaded without renaming.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from myna import assets
from myna.audio.resample import resample
from myna.audio.spectrogram import triangular_filterbank
from myna.config import PitchBounds
from myna.errors import CheckpointError
from myna.features.contour import Contour, FloatArray
from myna.features.f0.framing import Samples
from myna.features.f0.salience import N_BINS, bins_to_hz, highest_bins, within_bounds
from myna.storage import torch_file
from myna.units import htk_mel_to_hz, hz_to_htk_mel

SAMPLE_RATE = 16000
_HOP_SAMPLES = 160
_WINDOW_SAMPLES = 1024
_N_MELS = 128
_MEL_FLOOR_HZ = 30.0
_N_LEVELS = 5
_CHANNELS = 16  # channels of the first level, doubled at each level
_BLOCKS = 4  # residual blocks per level
_MIDDLE_LEVELS = 4
_GRU_CHANNELS = 256
# Each level halves the number of frames, so this number must divide it.
_FRAME_MULTIPLE = 2**_N_LEVELS
# Frames with less salience are unvoiced; RVC and so-vits-svc use the same threshold.
_VOICED_SALIENCE = 0.03


class RMVPE(nn.Module):
    """Map a log-mel spectrogram (B, T, 128) to salience (B, T, 360) in 0..1; T must be a multiple of 32."""

    def __init__(self) -> None:
        super().__init__()
        self.unet = _UNet()
        self.cnn = nn.Conv2d(_CHANNELS, 3, 3, padding=1)
        self.fc = nn.Sequential(_BiGRU(3 * _N_MELS), nn.Linear(2 * _GRU_CHANNELS, N_BINS))

    def forward(self, mel: Tensor) -> Tensor:
        maps = self.cnn(self.unet(mel[:, None]))
        salience: Tensor = self.fc(maps.transpose(1, 2).flatten(2)).sigmoid()
        return salience


class _BiGRU(nn.Module):
    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.gru = nn.GRU(in_channels, _GRU_CHANNELS, batch_first=True, bidirectional=True)

    def forward(self, hidden: Tensor) -> Tensor:
        output: Tensor = self.gru(hidden)[0]
        return output


class _UNet(nn.Module):
    """U-Net that transforms feature maps (B, 1, T, 128) to (B, 16, T, 128)."""

    def __init__(self) -> None:
        super().__init__()
        deepest = _CHANNELS * 2**_N_LEVELS
        self.encoder = _Encoder()
        self.intermediate = _Middle(deepest // 2, deepest)
        self.decoder = _Decoder(deepest)

    def forward(self, maps: Tensor) -> Tensor:
        maps, skips = self.encoder(maps)
        output: Tensor = self.decoder(self.intermediate(maps), skips)
        return output


class _Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(1)
        widths = [1, *(_CHANNELS * 2**level for level in range(_N_LEVELS))]
        self.layers = nn.ModuleList(_Level(widths[i], widths[i + 1]) for i in range(_N_LEVELS))

    def forward(self, maps: Tensor) -> tuple[Tensor, list[Tensor]]:
        maps, skips = self.bn(maps), []
        for level in self.layers:
            skips.append(level(maps))
            maps = F.avg_pool2d(skips[-1], 2)
        return maps, skips


class _Middle(nn.Module):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _Level(in_channels, out_channels), *(_Level(out_channels, out_channels) for _ in range(_MIDDLE_LEVELS - 1))
        )

    def forward(self, maps: Tensor) -> Tensor:
        output: Tensor = self.layers(maps)
        return output


class _Decoder(nn.Module):
    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_UpLevel(in_channels // 2**level) for level in range(_N_LEVELS))

    def forward(self, maps: Tensor, skips: list[Tensor]) -> Tensor:
        for level, skip in zip(self.layers, reversed(skips), strict=True):
            maps = level(maps, skip)
        return maps


class _Level(nn.Module):
    """Residual blocks at one resolution."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = _blocks(in_channels, out_channels)

    def forward(self, maps: Tensor) -> Tensor:
        output: Tensor = self.conv(maps)
        return output


class _UpLevel(nn.Module):
    """Double the resolution, halve the channels, and concatenate the encoder's maps of the same resolution."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        out_channels = in_channels // 2
        self.conv1 = nn.Sequential(
            nn.ConvTranspose2d(in_channels, out_channels, 3, stride=2, padding=1, output_padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
        )
        self.conv2 = _blocks(in_channels, out_channels)

    def forward(self, maps: Tensor, skip: Tensor) -> Tensor:
        output: Tensor = self.conv2(torch.cat([self.conv1(maps), skip], dim=1))
        return output


class _Block(nn.Module):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
        )
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1) if in_channels != out_channels else nn.Identity()

    def forward(self, maps: Tensor) -> Tensor:
        output: Tensor = self.conv(maps) + self.shortcut(maps)
        return output


def _blocks(in_channels: int, out_channels: int) -> nn.Sequential:
    rest = (_Block(out_channels, out_channels) for _ in range(_BLOCKS - 1))
    return nn.Sequential(_Block(in_channels, out_channels), *rest)


def measure_rmvpe(audio: Samples, sample_rate: int, times: FloatArray, device: str, bounds: PitchBounds) -> Contour:
    with torch.inference_mode():
        network = _load(device)
        signal = torch.from_numpy(resample(audio, sample_rate, SAMPLE_RATE)).to(device)
        salience = network(_log_mel(signal).T[None])[0].cpu().double().numpy()
    salience = within_bounds(salience, bounds)
    f0 = bins_to_hz(highest_bins(salience), salience, _VOICED_SALIENCE)
    return Contour(np.arange(len(f0)) * _HOP_SAMPLES / SAMPLE_RATE, f0)


def _log_mel(signal: Tensor) -> Tensor:
    """Return the log-mel spectrogram (128, T) of a signal (N,); frame t is centred on sample 160 t.

    The signal is padded with zeros to make T a multiple of 32.
    """
    n_frames = len(signal) // _HOP_SAMPLES + 1
    n_frames += -n_frames % _FRAME_MULTIPLE
    signal = F.pad(signal, (0, (n_frames - 1) * _HOP_SAMPLES - len(signal)))
    window = torch.hann_window(_WINDOW_SAMPLES, device=signal.device)
    transform = torch.stft(signal, _WINDOW_SAMPLES, _HOP_SAMPLES, window=window, return_complex=True)
    return (_filterbank().to(signal) @ transform.abs()).clamp(min=1e-5).log()


@lru_cache(maxsize=1)
def _filterbank() -> Tensor:
    """Return triangular filters (128, 513), evenly spaced on HTK's mel scale."""
    edges_mel = np.linspace(hz_to_htk_mel(_MEL_FLOOR_HZ), hz_to_htk_mel(SAMPLE_RATE / 2), _N_MELS + 2)
    return triangular_filterbank(torch.from_numpy(htk_mel_to_hz(edges_mel)), SAMPLE_RATE, _WINDOW_SAMPLES)


@lru_cache(maxsize=1)
def _load(device: str) -> RMVPE:
    path = assets.find("rmvpe")
    try:
        file = torch_file.read(path)
        # In so-vits-svc 4.1's file of this name, the weights are under the key "model", with an unused filter.
        weights = {name: weight for name, weight in file.get("model", file).items() if not name.startswith("unet.tf.")}
        network = RMVPE()
        network.load_state_dict(weights)
    except (RuntimeError, AttributeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise CheckpointError(f"{path} is not RMVPE: {reason}") from error
    return network.eval().to(device)
