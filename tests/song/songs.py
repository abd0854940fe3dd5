"""A short song: the bundled sung phrase, alone or with music."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from myna.assets import BUNDLED_VOICES
from myna.audio import io
from song.accompaniment import RATE, accompaniment


def write_song(path: Path, music_db: float | None = -3.0) -> Path:
    """Write the phrase in stereo, with the voice in the middle.

    Args:
        path: file to write.
        music_db: level of the music relative to the voice; None leaves it out.
    """
    voice, _ = io.read(BUNDLED_VOICES / "song.flac", RATE)
    song = np.stack([voice, voice])
    if music_db is not None:
        music = accompaniment(len(voice) / RATE)
        song += music * np.float32(np.std(voice) / np.std(music) * 10 ** (music_db / 20))
    with io.Writer(path, RATE, channels=2, tags=io.Tags(title="Phrase"), ceiling=0.9) as writer:
        writer.write(song)
    return path
