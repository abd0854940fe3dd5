"""Sound as bytes that a page plays and draws. This module imports NumPy, so handlers import it only when needed."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from myna.audio import io
from myna.audio.excerpt import excerpt
from myna.evaluation.drawing.note_spectrum import context_samples, note_levels

_FULL_SCALE = 1 << 14  # of 16-bit samples; stems may exceed full scale, so this leaves 6 dB
_OUTLINE_RATE = 100  # peaks per second
_BLOCK_SECONDS = 10


def pcm(path: Path, first: int, n_samples: int, gain: float = 1.0) -> bytes:
    """Return samples of a sound, interleaved, as little-endian 16-bit integers; 16384 is full scale."""
    scaled = np.round(excerpt(path, first, n_samples) * (gain * _FULL_SCALE)).clip(-(1 << 15), (1 << 15) - 1)
    return scaled.T.astype("<i2").tobytes()


def outline_of(path: Path, gain: float = 1.0) -> bytes:
    """Return the peak of each hundredth of a second of a sound as one byte; 255 is full scale."""
    return _outline(path, path.stat().st_mtime_ns, gain)


@lru_cache(maxsize=16)  # each takes 60 kB for ten minutes
def _outline(path: Path, modified_ns: int, gain: float) -> bytes:
    rate = io.info(path).sample_rate
    edges = np.arange(_BLOCK_SECONDS * _OUTLINE_RATE) * rate // _OUTLINE_RATE
    peaks = []
    for block in io.blocks(path, rate, _BLOCK_SECONDS * rate, mono=False):
        starts = edges[edges < block.shape[-1]]
        peaks.append(np.maximum.reduceat(np.abs(block).max(axis=0), starts))
    return bytes(np.round(255 * gain * np.concatenate(peaks)).clip(0, 255).astype(np.uint8))


def relative_level(path: Path, reference: Path) -> float:
    """Return the RMS ratio (linear) of a sound to `reference`, computed from the outlines of both."""
    peaks, others = (np.frombuffer(outline_of(one), np.uint8).astype(np.float64) for one in (path, reference))
    return float(np.sqrt(np.square(peaks).sum() / max(np.square(others).sum(), 1.0)))


def note_spectrum(path: Path, start: float, seconds: float) -> bytes:
    """Return the levels of a stretch of a sound, computed by `note_levels`, row after row."""
    rate = io.info(path).sample_rate
    half = context_samples(rate)
    first, count = round(start * rate), round(seconds * rate)
    audio = excerpt(path, max(first - half, 0), count + half + min(first, half)).mean(axis=0)
    padded = np.pad(audio, (max(half - first, 0), half))[: count + 2 * half]
    return note_levels(padded, rate).tobytes()
