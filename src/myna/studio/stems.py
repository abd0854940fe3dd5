"""Stems of a result: sounds with the same start and length, and their levels in the mix."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from myna.storage.atomic import write_text
from myna.storage.records import read_record
from myna.studio.workspace import Workspace

VOICE, ORIGINAL, MUSIC = "voice", "original", "music"  # names of stems
_FOLDER, _STEMS, _LEVELS = "stems", "stems.json", "levels.json"


class Level(BaseModel):
    """Level of a stem in the mix."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gain_db: float = Field(0.0, ge=-60, le=24)
    muted: bool = False
    solo: bool = Field(False, description="if any stem has solo, only stems with solo are heard")


class Stem(BaseModel):
    """A stem, which is a wav or flac file in the folder of the stems."""

    model_config = ConfigDict(frozen=True)

    name: str
    file: str
    channels: int
    in_original: bool  # whether the stem is part of the original song
    gain: float = 1.0  # factor for the samples of the file in playback
    level: Level = Level()  # level in the mix as it was made


class Stems(BaseModel):
    """Record of the stems of a result."""

    model_config = ConfigDict(frozen=True)

    sample_rate: int
    n_samples: int
    stems: list[Stem]
    made: str = ""  # `mix_id` of the mix as it was made


def folder(workspace: Workspace, number: int) -> Path:
    """Return the folder of the stems of a result."""
    return workspace.shown / str(number) / _FOLDER


def record_stems(workspace: Workspace, number: int, stems: Stems) -> None:
    """Write the record of stems. Their files must be in the folder, and the mix must just have been made."""
    made = mix_id(workspace, number, stems, {stem.name: stem.level for stem in stems.stems})
    write_text(folder(workspace, number) / _STEMS, stems.model_copy(update={"made": made}).model_dump_json())


def find_stems(workspace: Workspace, number: int) -> Stems | None:
    """Read the record of the stems of a result; return None if there is none, or if a file is missing."""
    place = folder(workspace, number)
    found = read_record(Stems, place / _STEMS)
    return found if found is not None and all((place / stem.file).is_file() for stem in found.stems) else None


def original_voice(workspace: Workspace, number: int) -> Path | None:
    """Return the file of the voice that a cover replaces; None if the result has no such stem."""
    found = find_stems(workspace, number)
    files = [stem.file for stem in found.stems if stem.name == ORIGINAL] if found is not None else []
    return folder(workspace, number) / files[0] if files else None


def levels_of(workspace: Workspace, number: int, stems: Stems) -> dict[str, Level]:
    """Return the levels of the stems by name: the user's choice, or else the levels of the mix as it was made."""
    chosen = read_record(_Levels, folder(workspace, number) / _LEVELS)
    return {stem.name: stem.level for stem in stems.stems} | (chosen.levels if chosen is not None else {})


def keep_levels(workspace: Workspace, number: int, levels: Mapping[str, Level]) -> None:
    """Store the levels chosen by the user."""
    write_text(folder(workspace, number) / _LEVELS, _Levels(levels=dict(levels)).model_dump_json())


def gains_db(levels: Mapping[str, Level]) -> dict[str, float]:
    """Return the gains of the audible stems in dB; a solo stem is audible even if it is muted."""
    any_solo = any(level.solo for level in levels.values())
    return {name: level.gain_db for name, level in levels.items() if level.solo or (not level.muted and not any_solo)}


def mix_id(workspace: Workspace, number: int, stems: Stems, levels: Mapping[str, Level]) -> str:
    """Return an id of a mix; it changes with the levels and the files of the stems."""
    place = folder(workspace, number)
    parts = [
        f"{stem.file}|{(place / stem.file).stat().st_mtime_ns}|{gain_db}"
        for stem in stems.stems
        if (gain_db := gains_db(levels).get(stem.name)) is not None
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


class _Levels(BaseModel):
    levels: dict[str, Level]
