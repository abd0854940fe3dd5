"""Formats of audio files: containers that can be written, sample formats, tags and channel orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, Self

# Suffixes of the formats that all current browsers play.
PLAYABLE_SUFFIXES = frozenset((".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".mp4", ".webm"))

SampleFormat = Literal["int16", "int24", "float32"]


@dataclass(frozen=True)
class Container:
    """A file format, with the sample formats, channels and sample rates that it can store.

    Attributes:
        name: libsndfile's name of the format; "" if FFmpeg writes it.
        codings: libsndfile's subtype of each sample format; the first one is the default. The only key of a lossy codec
            is None, because it has no sample format.
        max_channels: largest number of channels.
        rates: possible sample rates in Hz; empty if there is no limit.
        compression: libsndfile's compression level of a lossy codec, from 0 for the best sound to 1.
    """

    name: str
    codings: Mapping[SampleFormat | None, str]
    max_channels: int
    rates: tuple[int, ...] = ()
    compression: float | None = None

    def storable_rate(self, sample_rate: int) -> int:
        """Return the sample rate at which the format stores a sound of `sample_rate` with the least loss."""
        if not self.rates or sample_rate in self.rates:
            return sample_rate
        return min((rate for rate in self.rates if rate > sample_rate), default=max(self.rates))


_MPEG_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
# The default is 16 bits, because their quantisation noise is below the noise of a voice model. The compression levels
# give about 220 kbit/s for music in stereo.
CONTAINERS: Mapping[str, Container] = {
    ".wav": Container("WAV", {"int16": "PCM_16", "int24": "PCM_24", "float32": "FLOAT"}, 1024),
    ".flac": Container("FLAC", {"int16": "PCM_16", "int24": "PCM_24"}, 8),
    ".mp3": Container("MP3", {None: "MPEG_LAYER_III"}, 2, _MPEG_RATES, compression=0.0),
    ".ogg": Container("OGG", {None: "VORBIS"}, 255, compression=0.2),
    ".m4a": Container("", {None: "AAC"}, 2, (7350, *_MPEG_RATES, 64000, 88200, 96000)),
}
WRITABLE_SUFFIXES = tuple(CONTAINERS)


def storable_rate(path: Path, sample_rate: int) -> int:
    """Return the sample rate at which the format of `path` stores a sound of this sample rate with the least loss."""
    container = CONTAINERS.get(path.suffix.lower())
    return sample_rate if container is None else container.storable_rate(sample_rate)


# For each number of channels, the WAVE index of each stored channel (Vorbis I specification, section 4.3.9). Opus has
# the same order (RFC 7845, section 5.1.1.2). libsndfile returns the channels as stored. Numbers of channels that are
# not listed need no reordering.
VORBIS_ORDER: Mapping[int, tuple[int, ...]] = {
    3: (0, 2, 1),
    5: (0, 2, 1, 3, 4),
    6: (0, 2, 1, 4, 5, 3),
    7: (0, 2, 1, 5, 6, 4, 3),
    8: (0, 2, 1, 6, 7, 4, 5, 3),
}


@dataclass(frozen=True, kw_only=True)
class Tags:
    """Text in the header of an audio file; absent tags are ""."""

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
        """Return the tags given under a decoder's tag names in any case; unknown names are ignored."""
        known = {name.lower().replace("_", ""): value for name, value in names.items()}
        if "track" in known:
            known.setdefault("tracknumber", known["track"])
        return cls(**{field.name: known.get(field.name.replace("_", ""), "") for field in fields(cls)})

    def by_soundfile_name(self) -> dict[str, str]:
        """Return the non-empty tags under soundfile's names."""
        return {name.replace("_", ""): value for name, value in self.filled().items()}

    def by_ffmpeg_name(self) -> dict[str, str]:
        """Return the non-empty tags under FFmpeg's names."""
        return {"track" if name == "track_number" else name: value for name, value in self.filled().items()}

    def filled(self) -> dict[str, str]:
        """Return the non-empty tags."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name))}
