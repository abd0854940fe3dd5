"""Spectrograms as pictures."""

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
_FLOOR = 1e-6  # what `spectrogram` adds to the power; taken off again, so that silence is dark
_CHUNK_FRAMES = 4096  # at a time, so that a long song needs little memory
MOST_COLUMNS = 1200
# Those that an axis beside a picture up to `HIGH_HZ` names.
FREQUENCIES_HZ = {200: "200", 1000: "1 k", 3000: "3 k", 8000: "8 k"}

# Dark to bright, evenly bright in steps and readable without colour vision (after matplotlib's magma, CC0).
_COLOURS = (
    *((0, 0, 4), (20, 14, 54), (59, 15, 112), (100, 26, 128), (140, 41, 129), (183, 55, 121), (222, 73, 104)),
    *((247, 112, 92), (254, 159, 109), (254, 207, 146), (252, 253, 191)),
)


def spectrogram_png(audio: NDArray[np.float32], sample_rate: int, *, most_columns: int = MOST_COLUMNS) -> bytes:
    """A mel spectrogram of `audio` (N,) up to `HIGH_HZ` as a PNG file."""
    file = io.BytesIO()
    levels = spectrogram_levels(audio, sample_rate, most_columns=most_columns)
    coloured(Image.fromarray(levels)).save(file, "PNG", optimize=True)
    return file.getvalue()


def data_uri(kind: str, content: bytes) -> str:
    """A file of a MIME type as an address that holds it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def spectrogram_levels(
    audio: NDArray[np.float32],
    sample_rate: int,
    *,
    high_hz: float = HIGH_HZ,
    hop_length: int = _HOP_LENGTH,
    most_columns: int = MOST_COLUMNS,
) -> NDArray[np.uint8]:
    """`N_BANDS` rows from `high_hz` down to `LOW_HZ`, 0..255 for the `RANGE_DB` up to the loudest, of `audio` (N,)."""
    filterbank = mel_filterbank(sample_rate, _N_FFT, N_BANDS, LOW_HZ, high_hz)
    step = _CHUNK_FRAMES * hop_length
    chunks = [
        filterbank @ (spectrogram(torch.from_numpy(chunk)[None], _N_FFT, hop_length, _N_FFT)[0].square() - _FLOOR)
        for chunk in (audio[start : start + step] for start in range(0, len(audio), step))
        if len(chunk) >= hop_length
    ]
    power = torch.cat(chunks, dim=1) if chunks else torch.zeros(N_BANDS, 1)
    power = F.adaptive_avg_pool1d(power[None], min(power.shape[1], most_columns))[0]
    decibels = 10 * (power / power.max().clamp(min=_FLOOR)).clamp(min=1e-12).log10()
    levels: NDArray[np.uint8] = (255 * (1 + decibels / RANGE_DB).clamp(min=0)).to(torch.uint8).flip(0).numpy()
    return levels


def coloured(levels: Image.Image) -> Image.Image:
    """A grey picture, dark to bright, in the colours of the palette."""
    picture = levels.copy()
    picture.putpalette(_palette().tobytes())
    return picture


def _palette() -> NDArray[np.uint8]:
    """256 colours (256, 3) between those of the list."""
    places = np.linspace(0, 255, len(_COLOURS))
    channels = (np.interp(np.arange(256), places, channel) for channel in zip(*_COLOURS, strict=True))
    return np.stack(list(channels), axis=1).round().astype(np.uint8)
