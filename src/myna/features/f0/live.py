"""f0 estimator with a look-ahead of 20 ms for live conversion: a small causal network on a log-frequency spectrogram.

In the input of the network, each pitch has the spectrum at its first harmonics and half its frequency as channels
(harmonic stacking: Bittner et al. 2022). `recipes/pitch` trains the network to find the pitch that SwiftF0 finds with
its longer look-ahead.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from myna.audio.resample import resample
from myna.config import PitchBounds
from myna.errors import CheckpointError
from myna.features.contour import Contour, FloatArray

SAMPLE_RATE = 16000
HOP_SAMPLES = 128
N_FFT = 1024
AHEAD_SAMPLES = 320  # samples after the time of a frame on which the frame depends
BEHIND_SAMPLES = N_FFT - AHEAD_SAMPLES
FRAMES_PER_SECOND = SAMPLE_RATE / HOP_SAMPLES
LOWEST_HZ, BINS_PER_OCTAVE, N_PITCHES = 46.0, 24, 132  # up to 2020 Hz
HARMONICS = (0.5, 1, 2, 3, 4, 5, 6)
CHANNELS = 16
KERNEL = (3, 5)  # frames, pitches
DILATIONS = ((1, 1), (2, 4), (4, 12))  # of the convolutions, over frames and over pitches
QUIET = 1e-7  # lower limit of the power
NEAR_PITCHES = 2  # the pitch is the mean of this many pitches on either side of the most probable one
VOICED_PROBABILITY = 0.7  # on real singing, 0.7 % of the voiced frames are missed, and 4 % of the others get a pitch
WEIGHTS = "myna-pitch-1.safetensors"
_PIECE_SECONDS = 60  # longer pieces need too much memory


class PitchFrames(NamedTuple):
    """Estimated pitch of frames."""

    logits: Tensor  # (..., T, N_PITCHES)
    voiced: Tensor  # (..., T) logit of being voiced

    def hz(self) -> Tensor:
        """Return the pitch (..., T) in Hz, also of unvoiced frames: the mean around the most probable pitch."""
        best = self.logits.argmax(-1, keepdim=True)
        near = best + torch.arange(-NEAR_PITCHES, NEAR_PITCHES + 1, device=best.device)
        inside = (near >= 0) & (near < N_PITCHES)
        logits = self.logits.gather(-1, near.clamp(0, N_PITCHES - 1)).masked_fill(~inside, -torch.inf)
        return pitch_hz((logits.softmax(-1) * near).sum(-1))


def pitch_hz(index: Tensor) -> Tensor:
    return LOWEST_HZ * torch.exp2(index / BINS_PER_OCTAVE)


class HarmonicSpectrum(nn.Module):
    """Map samples (B, N) to (B, len(HARMONICS), T, N_PITCHES), one frame for each complete window."""

    window: Tensor
    bands: Tensor

    def __init__(self) -> None:
        super().__init__()
        rise, fall = (torch.hann_window(2 * n, periodic=False) for n in (BEHIND_SAMPLES, AHEAD_SAMPLES))
        window = torch.cat([rise[:BEHIND_SAMPLES], fall[AHEAD_SAMPLES:]])
        self.register_buffer("window", window / window.sum(), persistent=False)
        pitches = pitch_hz(torch.arange(N_PITCHES, dtype=torch.float64))
        bands = [triangles(pitches * harmonic) for harmonic in HARMONICS]
        self.register_buffer("bands", torch.cat(bands).float(), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        frames = audio.unfold(-1, N_FFT, HOP_SAMPLES) * self.window
        power = torch.view_as_real(torch.fft.rfft(frames)).square().sum(-1)
        stacked = (power @ self.bands.T).clamp_min(QUIET).log10() / 4 + 1
        return stacked.reshape(*stacked.shape[:-1], len(HARMONICS), N_PITCHES).transpose(-3, -2)


def triangles(hz: Tensor) -> Tensor:
    """Return triangular filters (M, N_FFT / 2 + 1) around the frequencies (M,), as wide as a bin or a pitch step."""
    bin_hz = SAMPLE_RATE / N_FFT
    bins = torch.arange(N_FFT // 2 + 1, dtype=hz.dtype) * bin_hz
    width = (hz * (2 ** (1 / BINS_PER_OCTAVE) - 1)).clamp(min=bin_hz)[:, None]
    filters = (1 - (bins - hz[:, None]).abs() / width).clamp(min=0)
    return filters / filters.sum(1, keepdim=True).clamp(min=1e-9) * (hz[:, None] < SAMPLE_RATE / 2)


class CausalConvolution(nn.Module):
    """Convolution (B, C, T, P) over frames and pitches; `left` earlier frames come first and are not returned."""

    def __init__(self, in_channels: int, dilation: tuple[int, int]) -> None:
        super().__init__()
        self.left = (KERNEL[0] - 1) * dilation[0]
        padding = (0, dilation[1] * (KERNEL[1] // 2))
        self.convolution = nn.Conv2d(in_channels, CHANNELS, KERNEL, padding=padding, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.convolution(x))


class PitchNetwork(nn.Module):
    """Map samples to pitches. Frame t is at the sample HOP_SAMPLES * t."""

    def __init__(self) -> None:
        super().__init__()
        self.spectrum = HarmonicSpectrum()
        self.layers = nn.ModuleList(
            CausalConvolution(CHANNELS if number else len(HARMONICS), dilation)
            for number, dilation in enumerate(DILATIONS)
        )
        self.pitches = nn.Conv2d(CHANNELS, 1, kernel_size=1)
        self.voicing = nn.Sequential(nn.Linear(2 * CHANNELS, 2 * CHANNELS), nn.GELU(), nn.Linear(2 * CHANNELS, 1))

    def forward(self, audio: Tensor) -> PitchFrames:
        """Estimate the pitch of T = N // HOP_SAMPLES frames of samples (B, N)."""
        hidden = self.spectrum(F.pad(audio, (BEHIND_SAMPLES, AHEAD_SAMPLES - HOP_SAMPLES)))
        for layer in self.layers:
            assert isinstance(layer, CausalConvolution)
            hidden = layer(F.pad(hidden, (0, 0, layer.left, 0)))
        return self.decide(hidden)

    def decide(self, hidden: Tensor) -> PitchFrames:
        """Map the output of the last layer (B, CHANNELS, T, N_PITCHES) to pitches."""
        pooled = torch.cat([hidden.amax(-1), hidden.mean(-1)], dim=1).transpose(1, 2)
        return PitchFrames(self.pitches(hidden)[:, 0], self.voicing(pooled)[..., 0])


class LivePitchStream:
    """Estimator for a stream of samples at 16 kHz. The frames equal those of the whole recording."""

    def __init__(self, network: PitchNetwork) -> None:
        self._network = network
        self._audio = torch.zeros(BEHIND_SAMPLES)
        self._held = [
            torch.zeros(1, layer.convolution.in_channels, layer.left, N_PITCHES)
            for layer in network.layers
            if isinstance(layer, CausalConvolution)
        ]

    @staticmethod
    def ready(n_samples: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of frames that `push` has returned after `n_samples` samples."""
        return np.maximum((n_samples - AHEAD_SAMPLES) // HOP_SAMPLES + 1, 0)

    @torch.inference_mode()
    def push(self, audio: Tensor) -> FloatArray:
        """Append samples (n,), and return the pitch (t,) in Hz of complete frames, 0 where unvoiced."""
        self._audio = torch.cat([self._audio, audio])
        n_frames = max((len(self._audio) - N_FFT) // HOP_SAMPLES + 1, 0)
        if not n_frames:
            return np.empty(0)
        hidden = self._network.spectrum(self._audio[None])
        self._audio = self._audio[n_frames * HOP_SAMPLES :]
        for index, layer in enumerate(self._network.layers):
            given = torch.cat([self._held[index], hidden], dim=2)
            self._held[index] = given[:, :, n_frames:]
            hidden = layer(given)
        return voiced_hz(self._network.decide(hidden))


def voiced_hz(frames: PitchFrames) -> FloatArray:
    """Return the pitch (T,) in Hz of a batch of 1, 0 where unvoiced."""
    voiced = frames.voiced.sigmoid() >= VOICED_PROBABILITY
    return np.asarray(torch.where(voiced, frames.hz(), 0.0)[0].double().numpy())


@lru_cache(maxsize=1)
def load_pitch_network() -> PitchNetwork:
    """Load the network with the bundled weights.

    Raises:
        CheckpointError: the weights are missing from the installation, or are damaged.
    """
    from safetensors.torch import load

    network = PitchNetwork()
    try:
        network.load_state_dict(load(resources.files("myna").joinpath("weights", WEIGHTS).read_bytes()))
    except (OSError, RuntimeError) as error:
        raise CheckpointError(f"myna's pitch estimator is missing or damaged; reinstall myna ({error})") from error
    return network.eval().requires_grad_(False)


def measure_live(
    audio: NDArray[np.float32], sample_rate: int, times: FloatArray, device: str, bounds: PitchBounds
) -> Contour:
    """Estimate the pitch every 8 ms; `device` has no effect."""
    stream = LivePitchStream(load_pitch_network())
    samples = torch.from_numpy(np.pad(resample(audio, sample_rate, SAMPLE_RATE), (0, AHEAD_SAMPLES)))
    pieces = torch.split(samples, _PIECE_SECONDS * SAMPLE_RATE)
    f0 = np.concatenate([stream.push(piece) for piece in pieces])
    f0 = np.where((f0 >= bounds.low_hz) & (f0 <= bounds.high_hz), f0, 0.0)
    return Contour(np.arange(len(f0)) / FRAMES_PER_SECOND, f0)
