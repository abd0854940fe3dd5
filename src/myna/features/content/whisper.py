"""Encoder of Whisper, for recordings of any length.

Radford et al., Robust Speech Recognition via Large-Scale Weak Supervision, 2022. Whisper pads every input to 30 s. By
default, this encoder does not, so that short recordings take less time. Recordings longer than 30 s are encoded in
overlapping windows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from myna import assets
from myna.audio.spectrogram import mel_filterbank
from myna.errors import CheckpointError
from myna.features.content.attention import SelfAttention
from myna.storage.utf8 import utf8_path

SAMPLE_RATE = 16000
N_FFT = 400
HOP_LENGTH = 160
FRAME_SAMPLES = 2 * HOP_LENGTH  # the second convolution halves the rate: 50 frames a second
MAX_FRAMES = 1500  # 30 s, the range of the position embeddings
OVERLAP_FRAMES = 100  # smallest overlap of neighbouring windows: 2 s
HEAD_CHANNELS = 64  # in every size of Whisper


@dataclass(frozen=True)
class WhisperDimensions:
    """Size of an encoder, from tiny (384 channels in 4 layers) to large (1280 channels in 32 layers)."""

    n_mels: int
    channels: int
    n_layers: int
    max_frames: int = MAX_FRAMES


class Attention(SelfAttention):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.n_heads = max(channels // HEAD_CHANNELS, 1)
        self.q_proj = nn.Linear(channels, channels)
        self.k_proj = nn.Linear(channels, channels, bias=False)
        self.v_proj = nn.Linear(channels, channels)
        self.out_proj = nn.Linear(channels, channels)


class Layer(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.self_attn_layer_norm = nn.LayerNorm(channels)
        self.self_attn = Attention(channels)
        self.final_layer_norm = nn.LayerNorm(channels)
        self.fc1 = nn.Linear(channels, 4 * channels)
        self.fc2 = nn.Linear(4 * channels, channels)

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = hidden + self.self_attn(self.self_attn_layer_norm(hidden))
        output: Tensor = hidden + self.fc2(F.gelu(self.fc1(self.final_layer_norm(hidden))))
        return output


class WhisperEncoder(nn.Module):
    """Encoder network. Its parameters have the same names as in the files on the Hugging Face hub."""

    def __init__(self, dimensions: WhisperDimensions) -> None:
        super().__init__()
        channels = dimensions.channels
        self.conv1 = nn.Conv1d(dimensions.n_mels, channels, kernel_size=3, padding=1)
        self.conv2 = nn.Conv1d(channels, channels, kernel_size=3, stride=2, padding=1)
        # Zeros, because random initialisation on the meta device imports a compiler, which takes a second.
        self.embed_positions = nn.Embedding(
            dimensions.max_frames, channels, _weight=torch.zeros(dimensions.max_frames, channels)
        )
        self.layers = nn.ModuleList(Layer(channels) for _ in range(dimensions.n_layers))
        self.layer_norm = nn.LayerNorm(channels)

    def forward(self, mel: Tensor) -> Tensor:
        """Map log-mel frames (B, n_mels, 2 T) to content (B, C, T); T is at most `max_frames`."""
        hidden = F.gelu(self.conv2(F.gelu(self.conv1(mel)))).transpose(1, 2)
        hidden = hidden + self.embed_positions.weight[: hidden.shape[1]]
        for layer in self.layers:
            hidden = layer(hidden)
        output: Tensor = self.layer_norm(hidden).transpose(1, 2)
        return output


class Whisper:
    """Encoder of 16 kHz audio: `whisper(audio (N,)) -> (C, N // 320)`, at least one frame."""

    def __init__(self, encoder: WhisperEncoder, device: str = "cpu", *, padded: bool = False) -> None:
        """Wrap an encoder. With `padded`, shorter audio is padded with silence to 30 s, which changes the content."""
        self.encoder = encoder.to(device).eval()
        self.padded = padded
        self.n_mels = encoder.conv1.in_channels
        self.channels = encoder.conv1.out_channels
        self.max_frames = encoder.embed_positions.num_embeddings
        self.device = torch.device(device)

    @torch.inference_mode()
    def __call__(self, audio: Tensor) -> Tensor:
        n_frames = max(len(audio) // FRAME_SAMPLES, 1)
        n_padded = max(n_frames, self.max_frames) if self.padded else n_frames
        audio = F.pad(audio.to(self.device), (0, max(n_padded * FRAME_SAMPLES - len(audio), 0)))
        mel = log_mel(audio, self.n_mels)[:, : 2 * n_padded]
        return self._windowed(mel, n_padded)[:, :n_frames]

    def _windowed(self, mel: Tensor, n_frames: int) -> Tensor:
        """Encode a spectrogram in overlapping windows of equal length, and cross-fade the results linearly.

        The windows overlap because frames near the edge of a window lack context.
        """
        overlap = min(OVERLAP_FRAMES, self.max_frames // 2)
        n_windows = max(math.ceil((n_frames - overlap) / (self.max_frames - overlap)), 1)
        length = math.ceil((n_frames + (n_windows - 1) * overlap) / n_windows)
        if n_windows == 1:
            content: Tensor = self.encoder(mel[None])[0]
            return content
        total = mel.new_zeros(self.channels, n_frames)
        weights = mel.new_zeros(n_frames)
        distance = torch.arange(1, length + 1, device=mel.device, dtype=mel.dtype)
        weight = torch.minimum(distance, distance.flip(0)).clamp(max=overlap)
        for index in range(n_windows):
            start = round(index * (n_frames - length) / (n_windows - 1))
            total[:, start : start + length] += weight * self.encoder(mel[None, :, 2 * start : 2 * (start + length)])[0]
            weights[start : start + length] += weight
        return total / weights


def log_mel(audio: Tensor, n_mels: int) -> Tensor:
    """Return Whisper's log-mel spectrogram (n_mels, N // 160) of `audio` (N,).

    The result is (x + 4) / 4, where x is the log10 of the power with a floor 80 dB below its maximum.
    """
    window = torch.hann_window(N_FFT, device=audio.device)
    transform = torch.stft(audio, N_FFT, HOP_LENGTH, window=window, return_complex=True)[:, : len(audio) // HOP_LENGTH]
    power = torch.view_as_real(transform).square().sum(-1)
    decades = (mel_filterbank(SAMPLE_RATE, N_FFT, n_mels).to(power) @ power).clamp(min=1e-10).log10()
    return (decades.clamp(min=decades.max() - 8.0) + 4.0) / 4.0


def load_whisper(name: str, device: str = "cpu", *, padded: bool = False) -> Whisper:
    """Load the encoder of the asset `name`.

    Raises:
        AssetError: the weights are unavailable.
        CheckpointError: the file does not contain a Whisper.
    """
    return Whisper(read_encoder(assets.find(name)), device, padded=padded)


def read_encoder(path: Path) -> WhisperEncoder:
    """Read the encoder from a safetensors file of a complete Whisper or of an encoder, and infer its size.

    Raises:
        CheckpointError: the file does not contain a Whisper.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with utf8_path(path) as opened, safe_open(opened, framework="pt") as file:
            # The decoder, which is more than half of the file, is not read.
            weights = {
                key.partition("encoder.")[2]: file.get_tensor(key).float()
                for key in file.keys()  # noqa: SIM118
                if key.startswith(("model.encoder.", "encoder."))
            }
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is not a safetensors file: {error}") from error
    try:
        channels, n_mels, _ = weights["conv1.weight"].shape
        n_layers = 1 + max(int(key.split(".")[1]) for key in weights if key.startswith("layers."))
        dimensions = WhisperDimensions(n_mels, channels, n_layers, len(weights["embed_positions.weight"]))
        with torch.device("meta"):
            encoder = WhisperEncoder(dimensions)
        encoder.load_state_dict(weights, assign=True)
    except (KeyError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} is not a Whisper encoder: {error}") from error
    return encoder
