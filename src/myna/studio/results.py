"""Conversion results. Each consists of the converted audio, its source and a record, kept until the user deletes it."""

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
    """Record of one conversion."""

    model_config = ConfigDict(frozen=True)

    number: int
    song: str  # display name of the source
    voice: str
    path: Path  # the converted audio
    command: str  # the equivalent `svc` command line
    transpose: float  # total shift in semitones
    seconds: float
    source_hz: float | None  # median pitch of the source
    voice_hz: float | None  # median pitch of the voice's recordings
    # The following have defaults because older records lack them; see `ConversionSummary`.
    turned_down_db: float = 0.0
    lowered_seconds: float = 0.0
    raised_seconds: float = 0.0


@dataclass(frozen=True)
class ResultFolder:
    """Folder of one conversion. It contains the source and, once the conversion is done, the record."""

    folder: Path
    source: Path

    @property
    def number(self) -> int:
        return int(self.folder.name)


def reserve(workspace: Workspace, recording: Path, name: str) -> ResultFolder:
    """Create the next result folder and copy `recording` into it under the file name `name`.

    Raises:
        AudioError: the recording cannot be copied.
        ConfigError: `name` cannot be used as a file name.
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
        raise AudioError(f"cannot copy {name}: {error.strerror}") from error
    return ResultFolder(folder, source)


def record(reserved: ResultFolder, result: Result) -> None:
    """Write the record of a finished conversion."""
    with replacing(reserved.folder / _RECORD) as temporary:
        temporary.write_text(result.model_dump_json(), encoding="utf-8")


def record_comparison(reserved: ResultFolder, comparison: Mapping[str, Any]) -> None:
    """Write the comparison that the player shows. It is large and therefore has a file of its own."""
    with replacing(reserved.folder / _COMPARISON) as temporary:
        temporary.write_text(json.dumps(comparison), encoding="utf-8")


def comparison(workspace: Workspace, number: int) -> dict[str, Any] | None:
    """Read the comparison that the player shows for a result; None if there is none."""
    try:
        found = json.loads((workspace.shown / str(number) / _COMPARISON).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def discard(reserved: ResultFolder) -> None:
    """Delete the folder of an unfinished conversion."""
    shutil.rmtree(reserved.folder, ignore_errors=True)


def results(workspace: Workspace) -> list[int]:
    """List the numbers of all results, newest first, without reading their records."""
    numbers = [int(path.parent.name) for path in workspace.shown.glob(f"*/{_RECORD}") if path.parent.name.isdigit()]
    return sorted(numbers, reverse=True)


def find(workspace: Workspace, number: int) -> Result | None:
    """Read the record of a result; None if the record is missing or malformed, or the audio is missing."""
    try:
        found = Result.model_validate(json.loads((workspace.shown / str(number) / _RECORD).read_text("utf-8")))
    except (OSError, ValueError, ValidationError):
        return None
    return found if found.path.is_file() else None


def delete(workspace: Workspace, number: int) -> None:
    """Delete a result: its source, its record and, if it is in the folder `sung`, its audio."""
    found = find(workspace, number)
    if found is not None and found.path.resolve().is_relative_to(workspace.sung.resolve()):
        found.path.unlink(missing_ok=True)
    shutil.rmtree(workspace.shown / str(number), ignore_errors=True)
