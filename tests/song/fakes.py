"""A separator and a converter whose results are known, for tests of covers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from myna.audio.io import Writer, read
from myna.config import PitchRange
from myna.conversion.converter import ConversionSummary
from myna.options import ConversionOptions
from myna.progress import Progress

RATE = 44100
VOICE_RATE = 32000


class Middle:
    """Separator for which what both channels share is vocals, and the rest accompaniment."""

    name = identity = "middle"
    sample_rate = RATE

    def vocals(self, song: Iterable[np.ndarray], n_samples: int) -> Iterator[np.ndarray]:
        for block in song:
            yield np.repeat(block.mean(axis=0, keepdims=True), 2, axis=0)


class Parrot:
    """Converter that sings as the original does, 6 dB softer, and counts its songs."""

    device = "cpu"

    def __init__(self, voice: Path) -> None:
        voice.write_bytes(b"weights")
        config = SimpleNamespace(model_dump=lambda mode: {}, pitch={})
        self.voice = SimpleNamespace(path=voice, config=config, defaults={})
        self.asked: list[ConversionOptions] = []

    def check(self, options: ConversionOptions) -> Any:
        return SimpleNamespace(retrieval=None)

    def voice_name(self, options: ConversionOptions) -> str:
        return self.voice.path.name

    def convert_file(
        self, source: Path, target: Path, options: ConversionOptions, progress: Progress
    ) -> ConversionSummary:
        self.asked.append(options)
        audio, _ = read(source, VOICE_RATE)
        with Writer(target, VOICE_RATE) as writer:
            for block in progress([audio / 2], title=source.name, total=1, unit="s"):
                writer.write(block)
        seconds, pitch = len(audio) / VOICE_RATE, PitchRange(median_hz=220.0, low_hz=200.0, high_hz=240.0)
        return ConversionSummary(seconds, seconds, 1, options.transpose, pitch, None)


def song(seconds: float = 6.0, rate: int = RATE, music_level: float = 0.1) -> np.ndarray:
    """Return a song (2, N): sung phrases in the middle, and two chords that differ in polarity at the sides."""
    time = np.arange(round(seconds * rate)) / rate
    hz = 200 + 20 * np.floor(time)
    voice = sum(np.sin(2 * np.pi * k * np.cumsum(hz) / rate) / k for k in range(1, 12)) * 0.05 * (time % 2 < 1.5)
    music = music_level * sum(np.sin(2 * np.pi * tone * time) for tone in (110, 277, 415))
    return np.stack([voice + music, voice - music]).astype(np.float32)
