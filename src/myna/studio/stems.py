"""Stems of a result: sounds with the same start and length, and the levels at which they are mixed."""

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
    """A stem: a wav or flac file in the folder of the stems."""

    model_config = ConfigDict(frozen=True)

    name: str
    file: str
    channels: int
    in_original: bool  # whether it is a part of the original song
    gain: float = 1.0  # factor to apply to the samples of the file when they are played
    level: Level = Level()  # in the mix as it was made


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
    """Write the record of stems whose files are in their folder, and whose mix has just been made."""
    made = mix_id(workspace, number, stems, {stem.name: stem.level for stem in stems.stems})
    write_text(folder(workspace, number) / _STEMS, stems.model_copy(update={"made": made}).model_dump_json())


def find_stems(workspace: Workspace, number: int) -> Stems | None:
    """Read the record of the stems of a result; None if it has none, or if a file is missing."""
    place = folder(workspace, number)
    found = read_record(Stems, place / _STEMS)
    return found if found is not None and all((place / stem.file).is_file() for stem in found.stems) else None


def original_voice(workspace: Workspace, number: int) -> Path | None:
    """Return the file of the voice that a cover replaces; None if the result has no such stem."""
    found = find_stems(workspace, number)
    files = [stem.file for stem in found.stems if stem.name == ORIGINAL] if found is not None else []
    return folder(workspace, number) / files[0] if files else None


def levels_of(workspace: Workspace, number: int, stems: Stems) -> dict[str, Level]:
    """Return the levels by the name of the stem: those that a person chose, else those of the mix as it was made."""
    chosen = read_record(_Levels, folder(workspace, number) / _LEVELS)
    return {stem.name: stem.level for stem in stems.stems} | (chosen.levels if chosen is not None else {})


def keep_levels(workspace: Workspace, number: int, levels: Mapping[str, Level]) -> None:
    """Store the levels that a person chose."""
    write_text(folder(workspace, number) / _LEVELS, _Levels(levels=dict(levels)).model_dump_json())


def gains_db(levels: Mapping[str, Level]) -> dict[str, float]:
    """Return the gains of the stems that are heard; a stem that is solo is heard even if it is muted."""
    any_solo = any(level.solo for level in levels.values())
    return {name: level.gain_db for name, level in levels.items() if level.solo or (not level.muted and not any_solo)}


def mix_id(workspace: Workspace, number: int, stems: Stems, levels: Mapping[str, Level]) -> str:
    """Return an id of a mix; it differs if the levels or the files of the stems differ."""
    place = folder(workspace, number)
    parts = [
        f"{stem.file}|{(place / stem.file).stat().st_mtime_ns}|{gain_db}"
        for stem in stems.stems
        if (gain_db := gains_db(levels).get(stem.name)) is not None
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


class _Levels(BaseModel):
    levels: dict[str, Level]
