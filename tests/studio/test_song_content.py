"""A song with music is told from a voice alone by separating a stretch of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from myna.studio.song_content import Content, decide, measure_content
from myna.studio.song_meter import measure_song
from song.songs import write_song


@pytest.mark.parametrize("music_db, expected", [(None, "voice"), (-6.0, "song"), (6.0, "song")])
def test_music_beside_a_voice_is_found(music_db: float | None, expected: Content, tmp_path: Path) -> None:
    song = write_song(tmp_path / "song.wav", music_db)
    facts = measure_song(song)
    measured = measure_content(song, facts.loudest)
    assert decide(facts, measured) == expected
    assert measured.has_voice
