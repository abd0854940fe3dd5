"""Spectrograms as pictures, without a plotting library: a palette PNG is forty lines."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from myna.audio.spectrogram import mel_filterbank, spectrogram

N_BANDS = 128
LOW_HZ = 40.0
HIGH_HZ = 16000.0
RANGE_DB = 80.0
_N_FFT = 2048
_HOP_LENGTH = 512
_CHUNK_FRAMES = 4096  # at a time, so that a long song needs little memory
_MOST_COLUMNS = 1200

# Dark to bright, evenly bright in steps and readable without colour vision (after matplotlib's magma, CC0).
_COLOURS = (
    *((0, 0, 4), (20, 14, 54), (59, 15, 112), (100, 26, 128), (140, 41, 129), (183, 55, 121), (222, 73, 104)),
    *((247, 112, 92), (254, 159, 109), (254, 207, 146), (252, 253, 191)),
)


def spectrogram_png(audio: NDArray[np.float32], sample_rate: int) -> bytes:
    """A mel spectrogram of `audio` (N,): `N_BANDS` rows from `HIGH_HZ` down to `LOW_HZ`, the loudest `RANGE_DB`."""
    filterbank = mel_filterbank(sample_rate, _N_FFT, N_BANDS, LOW_HZ, HIGH_HZ)
    step = _CHUNK_FRAMES * _HOP_LENGTH
    chunks = [
        filterbank @ spectrogram(torch.from_numpy(chunk)[None], _N_FFT, _HOP_LENGTH, _N_FFT)[0].square()
        for chunk in (audio[start : start + step] for start in range(0, len(audio), step))
        if len(chunk) >= _HOP_LENGTH
    ]
    power = torch.cat(chunks, dim=1) if chunks else torch.zeros(N_BANDS, 1)
    power = F.adaptive_avg_pool1d(power[None], min(power.shape[1], _MOST_COLUMNS))[0]
    decibels = 10 * (power / power.max().clamp(min=1e-9)).clamp(min=1e-12).log10()
    return png((255 * (1 + decibels / RANGE_DB).clamp(min=0)).to(torch.uint8).flip(0).numpy())


def png(levels: NDArray[np.uint8]) -> bytes:
    """A picture (height, width) of levels 0..255, dark to bright, as a PNG file with a palette."""
    height, width = levels.shape
    rows = np.pad(levels, ((0, 0), (1, 0)))  # each row begins with the number of its filter: none
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, data)
        for kind, data in (
            (b"IHDR", header),
            (b"PLTE", _palette().tobytes()),
            (b"IDAT", zlib.compress(rows.tobytes(), 9)),
            (b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _palette() -> NDArray[np.uint8]:
    """256 colours (256, 3) between those of the list."""
    places = np.linspace(0, 255, len(_COLOURS))
    channels = (np.interp(np.arange(256), places, channel) for channel in zip(*_COLOURS, strict=True))
    return np.stack(list(channels), axis=1).round().astype(np.uint8)
