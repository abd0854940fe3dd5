"""Rendering of mel spectrograms as images."""

from __future__ import annotations

import base64
import io

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional as F

from myna.audio.spectrogram import mel_filterbank, spectrogram
from myna.evaluation.drawing.axes import LOW_HZ

N_BANDS = 128
HIGH_HZ = 16000.0
RANGE_DB = 80.0
_N_FFT = 2048
_HOP_LENGTH = 512
_FLOOR = 1e-6  # `spectrogram` adds this power; it is subtracted again, so that silence is dark
_CHUNK_FRAMES = 4096  # number of frames computed at a time, to limit the memory for long songs
MAX_COLUMNS = 1200
# Labels of the frequency axis for images that reach up to `HIGH_HZ`.
FREQUENCIES_HZ = {200: "200", 1000: "1 k", 3000: "3 k", 8000: "8 k"}

# Palette from dark to bright in perceptually uniform steps, which can be read without colour vision (after matplotlib's
# magma, CC0).
_COLOURS = (
    *((0, 0, 4), (20, 14, 54), (59, 15, 112), (100, 26, 128), (140, 41, 129), (183, 55, 121), (222, 73, 104)),
    *((247, 112, 92), (254, 159, 109), (254, 207, 146), (252, 253, 191)),
)


def spectrogram_png(audio: NDArray[np.float32], sample_rate: int, *, max_columns: int = MAX_COLUMNS) -> bytes:
    """Return the mel spectrogram of `audio` (N,), up to `HIGH_HZ`, as the content of a PNG file."""
    file = io.BytesIO()
    levels = spectrogram_levels(audio, sample_rate, max_columns=max_columns)
    coloured(Image.fromarray(levels)).save(file, "PNG", optimize=True)
    return file.getvalue()


def data_uri(kind: str, content: bytes) -> str:
    """Encode `content` of MIME type `kind` as a data URI."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def spectrogram_levels(
    audio: NDArray[np.float32],
    sample_rate: int,
    *,
    high_hz: float = HIGH_HZ,
    hop_length: int = _HOP_LENGTH,
    max_columns: int = MAX_COLUMNS,
) -> NDArray[np.uint8]:
    """Compute the mel spectrogram of `audio` (N,) as levels: 255 is the maximum, 0 is `RANGE_DB` or more below it.

    Returns:
        Levels (`N_BANDS`, columns); the rows go from `high_hz` down to `LOW_HZ`.
    """
    filterbank = mel_filterbank(sample_rate, _N_FFT, N_BANDS, LOW_HZ, high_hz)
    step = _CHUNK_FRAMES * hop_length
    chunks = [
        filterbank @ (spectrogram(torch.from_numpy(chunk)[None], _N_FFT, hop_length, _N_FFT)[0].square() - _FLOOR)
        for chunk in (audio[start : start + step] for start in range(0, len(audio), step))
        if len(chunk) >= hop_length
    ]
    power = torch.cat(chunks, dim=1) if chunks else torch.zeros(N_BANDS, 1)
    power = F.adaptive_avg_pool1d(power[None], min(power.shape[1], max_columns))[0]
    decibels = 10 * (power / power.max().clamp(min=_FLOOR)).clamp(min=1e-12).log10()
    levels: NDArray[np.uint8] = (255 * (1 + decibels / RANGE_DB).clamp(min=0)).to(torch.uint8).flip(0).numpy()
    return levels


def coloured(levels: Image.Image) -> Image.Image:
    """Return a copy of a greyscale image, coloured with the palette."""
    image = levels.copy()
    image.putpalette(_palette().tobytes())
    return image


def _palette() -> NDArray[np.uint8]:
    """Interpolate `_COLOURS` to a palette (256, 3)."""
    positions = np.linspace(0, 255, len(_COLOURS))
    channels = (np.interp(np.arange(256), positions, channel) for channel in zip(*_COLOURS, strict=True))
    return np.stack(list(channels), axis=1).round().astype(np.uint8)
