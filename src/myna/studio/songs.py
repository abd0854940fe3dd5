"""Facts about a song, shown before its conversion, and the keys in which a voice can convert it.

This module does not import NumPy, so that the server can read and use measured facts at once; `song_meter` measures
them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from myna.config import VOICE_BOUNDS, PitchRange
from myna.storage.atomic import write_text
from myna.storage.records import read_record

PREVIEW_SECONDS = 15.0
CONTOUR_SECONDS = 0.1  # step of `SongFacts.contour`
_MERGED_SECONDS = 0.5  # spans that are closer than this are shown as one span
# Share of silence from which a recording counts as silent.
_SILENT_SHARE = 2 / 3
# Voices also convert notes outside the pitch range of their recordings. A voice trained on speech sounds good up to an
# octave above the 95th percentile of the speech's pitch; more distant notes are unlike all training data.
_REACH_SEMITONES = 12.0

ProblemKind = Literal["silent", "clipped", "music", "noise"]
KeyKind = Literal["same", "octave", "closest"]


class Span(NamedTuple):
    """A stretch of a song, in seconds."""

    start: float
    end: float


class SongFacts(BaseModel):
    """Measures of a song."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1  # a higher number makes this version measure stored songs again
    seconds: float
    channels: int
    sample_rate: int
    pitch: PitchRange | None  # of the voiced frames; None without voiced frames
    peaks: list[float]  # at most 1,000 peaks, 0 to 1, of equal stretches
    loudest: Span  # the loudest sung stretch of `PREVIEW_SECONDS`; the whole song if it is shorter
    silent: list[Span]
    silent_share: float
    clipped: list[Span]  # empty if no clipping is audible
    music: list[Span]  # stretches with sound below the voice's fundamental: instruments or other voices
    noisy_db: float | None  # level of the voice above the noise in dB, if too low for a good conversion; else None
    contour: list[float]  # pitch in Hz every `CONTOUR_SECONDS`; 0 where unvoiced or not measured


@dataclass(frozen=True)
class SongProblem:
    """A defect of a song that impairs its conversion, with the affected stretches."""

    kind: ProblemKind
    spans: list[Span] = field(default_factory=list)
    db: float | None = None  # for "noise": level of the voice above the noise in dB


def problems(facts: SongFacts) -> list[SongProblem]:
    """List the problems of a song, the worst first."""
    found = []
    if facts.silent_share > _SILENT_SHARE:
        found.append(SongProblem("silent", facts.silent))
    if facts.music:
        found.append(SongProblem("music", facts.music))
    if facts.clipped:
        found.append(SongProblem("clipped", facts.clipped))
    if facts.noisy_db is not None and not facts.music:  # with instruments, the noise cannot be measured
        found.append(SongProblem("noise", db=facts.noisy_db))
    return found


# --- keys ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Key:
    """A shift of a song, in semitones."""

    transpose: int
    kind: KeyKind


@dataclass(frozen=True)
class OutOfRange:
    """Notes that are too high or too low for a voice in one of the keys."""

    side: Literal["above", "below"]
    limit_hz: float
    is_moved: bool  # whether conversion moves the notes by an octave, because they are outside the bounds of all voices
    spans: list[Span]


@dataclass(frozen=True)
class Keys:
    """Keys in which a song can be converted to a voice; `best` is the index of the recommended key."""

    choices: list[Key]
    best: int


def keys_of(song: PitchRange | None, voice: PitchRange | None) -> Keys:
    """Return the keys to offer: unchanged, shifted by octaves towards the voice, and the key nearest to the voice.

    The best key is a shift by whole octaves, so that the voice stays in tune with the music.
    """
    if song is None or voice is None:
        return Keys([Key(0, "same"), Key(-12, "octave"), Key(12, "octave")], 0)
    from myna.conversion.transposition import shift_between

    octaves = round(shift_between(song, voice, "octave"))
    closest = round(shift_between(song, voice, "semitone"))
    towards = octaves or (12 if voice.median_hz > song.median_hz else -12)
    found = [Key(0, "same"), Key(towards, "octave")]
    if closest not in (0, towards):
        found.append(Key(closest, "closest"))
    return Keys(found, next(index for index, key in enumerate(found) if key.transpose == octaves))


def out_of_range(facts: SongFacts, voice: PitchRange | None, transpose: float) -> list[OutOfRange]:
    """Return the notes of a transposed song outside the bounds of all voices, or outside the range of this voice."""
    high, low = VOICE_BOUNDS.high_hz, VOICE_BOUNDS.low_hz
    limits: list[tuple[Literal["above", "below"], float, float, bool]] = [
        ("above", high, math.inf, True),
        ("below", 0.0, low, True),
    ]
    if voice is not None:
        reach = 2 ** (_REACH_SEMITONES / 12)
        if voice.high_hz * reach < high:
            limits.append(("above", voice.high_hz * reach, high, False))
        if voice.low_hz / reach > low:
            limits.append(("below", low, voice.low_hz / reach, False))
    found = []
    for side, above, below, is_moved in limits:
        steps = [hz > 0 and above < hz * 2 ** (transpose / 12) < below for hz in facts.contour]
        spans = merged(Span(i * CONTOUR_SECONDS, (i + 1) * CONTOUR_SECONDS) for i, out in enumerate(steps) if out)
        if spans:
            found.append(OutOfRange(side, above if side == "above" else below, is_moved, spans))
    return found


def merged(spans: Iterator[Span], gap: float = _MERGED_SECONDS) -> list[Span]:
    """Join ascending spans that are at most `gap` seconds apart."""
    found: list[Span] = []
    for span in spans:
        if found and span.start - found[-1].end <= gap:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return [Span(round(span.start, 2), round(span.end, 2)) for span in found]


# --- storage ---------------------------------------------------------------------------------------------------------


def facts_path(song: Path, cache: Path) -> Path:
    """Return the path of stored facts in the folder `cache`, for a song with this path, size and time."""
    status = song.stat()
    name = f"{song.absolute()}|{status.st_size}|{status.st_mtime_ns}"
    return cache / "songs" / f"{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:32]}.json"


def read_facts(path: Path) -> SongFacts | None:
    """Read stored facts; return None if there are none, or if they are from an older version."""
    return read_record(SongFacts, path)


def write_facts(path: Path, facts: SongFacts) -> None:
    """Store facts about a song."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, facts.model_dump_json())
