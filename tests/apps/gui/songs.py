"""A short song with music: the bundled sung phrase over plucked strings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from myna.assets import BUNDLED_VOICES
from myna.audio import io

RATE = 44100
PHRASE = BUNDLED_VOICES / "song.flac"


def strings(n_samples: int) -> NDArray[np.float32]:
    """Return chords of plucked strings, (N,)."""
    time = np.arange(n_samples) / RATE
    music = np.zeros(n_samples)
    for number in range(int(time[-1] / 0.5) + 1):
        root = (110.0, 87.3, 98.0, 110.0)[number % 4]
        since = np.maximum(time - 0.5 * number, 0)
        partials = [k * root * chord for k in range(1, 8) for chord in (1, 1.26, 1.5)]
        chord = sum(np.sin(2 * np.pi * hz * since) * 110 / hz for hz in partials)
        music += chord * np.exp(-6 * since) * (time >= 0.5 * number)
    return (music / np.abs(music).max()).astype(np.float32)


def write_song(path: Path, music_db: float = -3.0) -> Path:
    """Write the phrase with music, in stereo: the voice in the middle, the music more to the left.

    Args:
        path: file to write.
        music_db: level of the music relative to the voice.
    """
    voice, _ = io.read(PHRASE, RATE)
    music = strings(len(voice))
    music *= np.std(voice) / np.std(music) * 10 ** (music_db / 20)
    with io.Writer(path, RATE, channels=2, tags=io.Tags(title="Phrase"), ceiling=0.9) as writer:
        writer.write(np.stack([voice + music, voice + 0.5 * music]).astype(np.float32))
    return path
