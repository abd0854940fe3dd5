"""A song with music is told from a voice alone by separating a stretch of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from myna.assets import BUNDLED_VOICES
from myna.audio import io
from myna.studio.song_content import Content, decide, measure_content
from myna.studio.song_meter import measure_song

RATE = 44100


def mixed(path: Path, music_db: float | None) -> Path:
    """Write the bundled sung phrase with chords of plucked strings beside it, relative to the voice."""
    voice, _ = io.read(BUNDLED_VOICES / "song.flac", RATE)
    time = np.arange(len(voice)) / RATE
    music = np.zeros_like(voice)
    for number, root in enumerate((110.0, 87.3, 98.0, 110.0) * 5):
        since = time - 0.5 * number
        strings = sum(np.sin(2 * np.pi * k * root * f * since) / k for k in range(1, 8) for f in (1, 1.26, 1.5))
        music += np.where(since >= 0, strings * np.exp(-6 * np.maximum(since, 0)), 0).astype(np.float32)
    gain = 0.0 if music_db is None else np.std(voice) / np.std(music) * 10 ** (music_db / 20)
    with io.Writer(path, RATE, ceiling=0.9) as writer:
        writer.write((voice + gain * music).astype(np.float32))
    return path


@pytest.mark.parametrize("music_db, expected", [(None, "voice"), (-6.0, "song"), (6.0, "song")])
def test_music_beside_a_voice_is_found(music_db: float | None, expected: Content, tmp_path: Path) -> None:
    song = mixed(tmp_path / "song.wav", music_db)
    facts = measure_song(song)
    measured = measure_content(song, facts.loudest)
    assert decide(facts, measured) == expected
    assert measured.has_voice
