"""Facts about uploaded songs, measured once in a worker process and then read from the cache."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from myna.apps.gui.tasks.singing import MeasureContent, MeasureSong
from myna.storage.records import read_record
from myna.studio.song_content import SongContent
from myna.studio.songs import SongFacts, facts_path, read_facts

if TYPE_CHECKING:
    from myna.apps.gui.server.context import Studio

_measuring = threading.Lock()  # songs are measured one after the other, and each song once


def facts_of(studio: Studio, upload: str) -> SongFacts:
    """Return the facts about an uploaded song; the first call measures them in about a second per minute of song.

    Raises:
        NoSuchUpload: there is no such upload.
        MynaError: the song cannot be read.
    """
    song = studio.uploads.find(upload).path
    path = facts_path(song, studio.workspace.cache)
    found = read_facts(path)
    if found is not None:
        return found
    with _measuring:
        found = read_facts(path)
        if found is None:
            found = studio.call(MeasureSong(song, path))
            assert isinstance(found, SongFacts)
        return found


def content_of(studio: Studio, upload: str) -> SongContent:
    """Return whether an uploaded song has music and a voice; the first call separates 10 s of it in about 2 s.

    Raises:
        NoSuchUpload: there is no such upload.
        MynaError: the song cannot be read, or is silent.
    """
    facts, song = facts_of(studio, upload), studio.uploads.find(upload).path
    path = facts_path(song, studio.workspace.cache).with_suffix(".content.json")
    with _measuring:
        found = read_record(SongContent, path)
        if found is None:
            found = studio.call(MeasureContent(song, facts.loudest, path))
            assert isinstance(found, SongContent)
        return found
