"""Formats of audio files: containers that can be written, sample formats, tags and channel orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal, Self

# Suffixes of the formats that all current browsers play.
PLAYABLE_SUFFIXES = frozenset((".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".mp4", ".webm"))

SampleFormat = Literal["int16", "int24", "float32"]


@dataclass(frozen=True)
class Container:
    """A file format under libsndfile's name, with the sample formats and channels that it can store.

    `codings` maps sample formats to libsndfile's subtypes; its first entry is the default. A lossy codec has no sample
    format, so its only key is None.
    """

    name: str
    codings: Mapping[SampleFormat | None, str]
    max_channels: int


# 16 bits are enough by default: their quantisation noise is below the noise of a voice model.
CONTAINERS: Mapping[str, Container] = {
    ".wav": Container("WAV", {"int16": "PCM_16", "int24": "PCM_24", "float32": "FLOAT"}, 1024),
    ".flac": Container("FLAC", {"int16": "PCM_16", "int24": "PCM_24"}, 8),
    ".mp3": Container("MP3", {None: "MPEG_LAYER_III"}, 2),
    ".ogg": Container("OGG", {None: "VORBIS"}, 255),
}
WRITABLE_SUFFIXES = tuple(CONTAINERS)

# For each number of channels, the WAVE index of each stored channel (Vorbis I specification, section 4.3.9). Opus has
# the same order (RFC 7845, section 5.1.1.2). libsndfile returns the channels as stored. Other numbers of channels need
# no reordering.
VORBIS_ORDER: Mapping[int, tuple[int, ...]] = {
    3: (0, 2, 1),
    5: (0, 2, 1, 3, 4),
    6: (0, 2, 1, 4, 5, 3),
    7: (0, 2, 1, 5, 6, 4, 3),
    8: (0, 2, 1, 6, 7, 4, 5, 3),
}


@dataclass(frozen=True, kw_only=True)
class Tags:
    """Text in the header of an audio file; absent tags are empty.

    An mp3 file stores only the year of `date`, and no copyright.
    """

    title: str = ""
    artist: str = ""
    album: str = ""
    date: str = ""
    genre: str = ""
    track_number: str = ""
    comment: str = ""
    copyright: str = ""

    @classmethod
    def of(cls, names: Mapping[str, str]) -> Self:
        """Return the tags for a decoder's tag names, which may be in any case; unknown names are ignored."""
        known = {name.lower().replace("_", ""): value for name, value in names.items()}
        if "track" in known:
            known.setdefault("tracknumber", known["track"])
        return cls(**{field.name: known.get(field.name.replace("_", ""), "") for field in fields(cls)})

    def by_soundfile_name(self) -> dict[str, str]:
        """Return the tags that are not empty, under soundfile's names."""
        values = ((field.name.replace("_", ""), getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in values if value}
