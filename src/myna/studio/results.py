"""What was sung: each result with its source and what is known of it, kept until somebody deletes it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from myna.errors import AudioError
from myna.storage.atomic import replacing
from myna.studio.workspace import Workspace, safe_name

_RECORD, _COMPARISON = "result.json", "comparison.json"


class Result(BaseModel):
    """A song as it was sung."""

    model_config = ConfigDict(frozen=True)

    number: int
    song: str  # the name of the recording, for a person
    voice: str
    path: Path  # what was sung
    command: str  # the line of `svc` that does the same
    transpose: float  # semitones, in all
    seconds: float
    source_hz: float | None  # where the song lies: its median pitch
    voice_hz: float | None  # where the voice's recordings lie


@dataclass(frozen=True)
class Place:
    """Where the source of a song lies while it waits to be sung, and where its result is recorded."""

    folder: Path
    source: Path

    @property
    def number(self) -> int:
        return int(self.folder.name)


def reserve(workspace: Workspace, recording: Path, name: str) -> Place:
    """Keep `recording`, which somebody calls `name`, until it is sung and after.

    Raises:
        AudioError: it cannot be copied.
        ConfigError: it has no name that a file can have.
    """
    taken = [int(folder.name) for folder in workspace.shown.iterdir() if folder.name.isdigit()]
    try:
        for number in count(max(taken, default=0) + 1):
            folder = workspace.shown / str(number)
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            break
        source = folder / f"{safe_name(Path(name).stem)}{Path(name).suffix}"
        shutil.copyfile(recording, source)
    except OSError as error:
        raise AudioError(f"cannot keep {name}: {error.strerror}") from error
    return Place(folder, source)


def record(place: Place, result: Result) -> None:
    """Remember what was sung."""
    with replacing(place.folder / _RECORD) as temporary:
        temporary.write_text(result.model_dump_json(), encoding="utf-8")


def record_comparison(place: Place, comparison: Mapping[str, Any]) -> None:
    """Keep what a player shows of the result; apart from it, for it is large."""
    with replacing(place.folder / _COMPARISON) as temporary:
        temporary.write_text(json.dumps(comparison), encoding="utf-8")


def comparison(workspace: Workspace, number: int) -> dict[str, Any] | None:
    """What a player shows of a result; None where it was never drawn."""
    try:
        found = json.loads((workspace.shown / str(number) / _COMPARISON).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def discard(place: Place) -> None:
    """Forget a song that was not sung."""
    shutil.rmtree(place.folder, ignore_errors=True)


def results(workspace: Workspace) -> list[int]:
    """The numbers of all that was sung and is still there, newest first; their records are not read."""
    numbers = [int(path.parent.name) for path in workspace.shown.glob(f"*/{_RECORD}") if path.parent.name.isdigit()]
    return sorted(numbers, reverse=True)


def find(workspace: Workspace, number: int) -> Result | None:
    """One of them; None where its record or what was sung is gone."""
    try:
        found = Result.model_validate(json.loads((workspace.shown / str(number) / _RECORD).read_text("utf-8")))
    except (OSError, ValueError, ValidationError):
        return None
    return found if found.path.is_file() else None


def delete(workspace: Workspace, number: int) -> None:
    """Remove what was sung, and what is known of it."""
    found = find(workspace, number)
    if found is not None and found.path.resolve().is_relative_to(workspace.sung.resolve()):
        found.path.unlink(missing_ok=True)
    shutil.rmtree(workspace.shown / str(number), ignore_errors=True)
