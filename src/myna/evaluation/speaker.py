"""Speaker embeddings from Resemblyzer's voice encoder. Its weights are read without importing its package.

The encoder is an LSTM, trained to give similar embeddings to utterances of the same person: Wan et al., Generalized
End-to-End Loss for Speaker Verification, ICASSP 2018. Published speaker similarities are often cosines between its
embeddings.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from myna.assets import PACKAGED, find_in_package
from myna.audio.spectrogram import mel_filterbank
from myna.errors import AssetError, MissingExtraError
from myna.evaluation.recording import SAMPLE_RATE
from myna.units import db_to_amplitude, db_to_power, power_to_db

_N_MELS = 40
_N_FFT = 400  # 25 ms
_HOP_LENGTH = 160  # 10 ms
# A partial is an excerpt of 1.6 s, the input length of the encoder.
_PARTIAL_FRAMES = 160
_PARTIAL_STEP_FRAMES = 77  # 1.3 partials per second
_MIN_COVERAGE = 0.75  # the last partial is dropped if the audio fills less than this share of it
_MIN_LEVEL_DB = -30.0

# Silence is removed before encoding. Resemblyzer uses a voice activity detector for this, but installing it needs a
# compiler. Here, a window is silent if its power is at least 27 dB below that of the loud windows (the 95th
# percentile). The values were tuned on 80 recordings. The cosine between our embeddings and Resemblyzer's is 0.998, and
# 1 - 1e-7 if neither removes silence.
_WINDOW_SAMPLES = 480  # 30 ms
_SILENCE_DB = -27.0
_KEPT_WINDOWS = 7  # windows kept around each window with sound: the window itself, and three on each side

Embedding = NDArray[np.float32]


class VoiceEncoder(nn.Module):
    """Map 1.6 s of mel powers (B, 160, 40) to unit vectors (B, 256)."""

    def __init__(self, hidden_channels: int = 256, n_layers: int = 3) -> None:
        super().__init__()
        self.lstm = nn.LSTM(_N_MELS, hidden_channels, n_layers, batch_first=True)
        self.linear = nn.Linear(hidden_channels, hidden_channels)

    def forward(self, mel: Tensor) -> Tensor:
        _, (hidden, _) = self.lstm(mel)
        return nn.functional.normalize(self.linear(hidden[-1]).relu(), dim=1)


@lru_cache(maxsize=1)
def load_voice_encoder() -> VoiceEncoder:
    """Load the encoder with the weights from the package Resemblyzer.

    Raises:
        AssetError: the package is not installed, or its weights are damaged or a different version.
    """
    try:
        path = find_in_package("resemblyzer", "pretrained.pt")
    except MissingExtraError as error:
        # Only the weights in the package are used: its declared requirements need a compiler, and cannot be installed
        # with current versions of setuptools.
        package = PACKAGED["resemblyzer"].distribution
        raise AssetError(f"it needs Resemblyzer's weights: pip install --no-deps {package}") from error
    weights = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
    encoder = VoiceEncoder()
    encoder.load_state_dict({name: weights[name] for name in encoder.state_dict()})
    return encoder.eval()


def embed(encoder: VoiceEncoder, audio: NDArray[np.float32]) -> Embedding:
    """Return the speaker embedding (256,) of `audio`, (N,) at 16 kHz: the normalized mean over overlapping partials."""
    audio = without_silence(_level(audio))
    starts = _partial_starts(len(audio))
    padded = np.pad(audio, (0, max(0, (starts[-1] + _PARTIAL_FRAMES) * _HOP_LENGTH - len(audio))))
    mel = _mel_power(torch.from_numpy(padded))
    with torch.inference_mode():
        partials = encoder(torch.stack([mel[start : start + _PARTIAL_FRAMES] for start in starts]))
    return _unit(partials.mean(dim=0).numpy())


def centroid(embeddings: list[Embedding]) -> Embedding:
    """Return the normalised mean of a speaker's `embeddings`."""
    return _unit(np.mean(embeddings, axis=0))


def without_silence(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """Remove long silences from `audio`, (N,) at 16 kHz; audio shorter than one window is returned unchanged."""
    n_windows = len(audio) // _WINDOW_SAMPLES
    if n_windows == 0:
        return audio
    windows = audio[: n_windows * _WINDOW_SAMPLES].reshape(n_windows, _WINDOW_SAMPLES)
    power = np.square(windows, dtype=np.float64).mean(axis=1)
    active = power > np.quantile(power, 0.95) * db_to_power(_SILENCE_DB)
    kept = np.convolve(active, np.ones(_KEPT_WINDOWS), mode="same") > 0 if active.any() else ~active
    return windows[kept[:n_windows]].reshape(-1)


def _level(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """Amplify audio below -30 dB to -30 dB, because the encoder's input, mel power, depends on the level."""
    level_db = power_to_db(float(np.mean(np.square(audio, dtype=np.float64))) + 1e-12)
    return audio * np.float32(db_to_amplitude(max(0.0, _MIN_LEVEL_DB - level_db)))


def _partial_starts(n_samples: int) -> list[int]:
    """Return the index of the first frame of each partial."""
    n_frames = -(-(n_samples + 1) // _HOP_LENGTH)
    starts = list(range(0, max(1, n_frames - _PARTIAL_FRAMES + _PARTIAL_STEP_FRAMES + 1), _PARTIAL_STEP_FRAMES))
    coverage = (n_samples / _HOP_LENGTH - starts[-1]) / _PARTIAL_FRAMES
    return starts[:-1] if coverage < _MIN_COVERAGE and len(starts) > 1 else starts


def _mel_power(audio: Tensor) -> Tensor:
    """Compute the mel power (T, 40), without a logarithm, as in the encoder's training."""
    transform = torch.stft(
        audio,
        _N_FFT,
        _HOP_LENGTH,
        window=torch.hann_window(_N_FFT),
        center=True,
        pad_mode="constant",
        return_complex=True,
    )
    return (mel_filterbank(SAMPLE_RATE, _N_FFT, _N_MELS) @ torch.view_as_real(transform).square().sum(-1)).T


def _unit(vector: NDArray[np.float32]) -> Embedding:
    return (vector / max(float(np.linalg.norm(vector)), 1e-9)).astype(np.float32)
