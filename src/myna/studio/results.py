"""Conversion results: the converted audio, its source and a record, kept until the user deletes them."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from myna.errors import AudioError
from myna.storage.atomic import write_text
from myna.storage.records import read_record
from myna.studio import trash
from myna.studio.workspace import Workspace, safe_name

_RECORD, _COMPARISON = "result.json", "comparison.json"
TRASHED = "result"  # kind of a result in the trash
_ABANDONED_SECONDS = 24 * 3600  # age from which the folder of an unfinished conversion is deleted
_KEPT_PREVIEWS = 2  # kept previews of each song: the latest one, and the one before, which may still be playing


class Stretch(BaseModel):
    """Stretch of a song."""

    model_config = ConfigDict(frozen=True)

    start: float = Field(ge=0, description="beginning, in seconds")
    seconds: float = Field(gt=0, le=60, description="length, in seconds")


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
    # The following fields have defaults, because older records lack them; see `ConversionSummary`.
    turned_down_db: float = 0.0
    lowered_seconds: float = 0.0
    raised_seconds: float = 0.0
    # Older records lack these fields too.
    made_at: float | None = None  # seconds since 1970
    preview: Stretch | None = None  # the converted stretch of the song; None for the whole song
    options: dict[str, Any] = {}  # values of `ConversionOptions` that differ from the defaults
    defaults: dict[str, Any] = {}  # the part of `options` that are the voice's default options
    transpose_all: float = 0.0  # transposition of both voice and music of a cover; the voice's own is added to it


@dataclass(frozen=True)
class ResultFolder:
    """Folder of one conversion. It contains the source and, after the conversion, the record."""

    folder: Path
    source: Path

    @classmethod
    def of(cls, workspace: Workspace, number: int, source: Path) -> ResultFolder:
        """Return the folder of a finished conversion."""
        return cls(workspace.shown / str(number), source)

    @property
    def number(self) -> int:
        return int(self.folder.name)


def reserve(workspace: Workspace, recording: Path | None, name: str) -> ResultFolder:
    """Create the next result folder and copy `recording` into it under the file name `name`.

    Without a recording, the folder is empty, and the caller writes the source.

    Raises:
        AudioError: the recording cannot be copied.
        ConfigError: `name` cannot be used as a file name.
    """
    taken = [int(folder.name) for folder in workspace.shown.iterdir() if folder.name.isdigit()]
    taken += [int(item.name) for item in trash.contents(workspace) if item.kind == TRASHED]
    try:
        for number in count(max(taken, default=0) + 1):
            folder = workspace.shown / str(number)
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            break
        source = folder / f"{safe_name(Path(name).stem)}{Path(name).suffix}"
        if recording is not None:
            shutil.copyfile(recording, source)
    except OSError as error:
        raise AudioError(f"cannot copy {name}: {error.strerror}") from error
    return ResultFolder(folder, source)


def record(reserved: ResultFolder, result: Result) -> None:
    """Write the record of a finished conversion."""
    write_text(reserved.folder / _RECORD, result.model_dump_json())


def record_comparison(reserved: ResultFolder, comparison: Mapping[str, Any]) -> None:
    """Write the data that `comparison` reads to their own file, because they are large."""
    write_text(reserved.folder / _COMPARISON, json.dumps(comparison))


def comparison(workspace: Workspace, number: int) -> dict[str, Any] | None:
    """Read the data with which the page shows and plays a result beside its source; None if there are none."""
    try:
        found = json.loads((workspace.shown / str(number) / _COMPARISON).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def is_drawn(workspace: Workspace, result: Result) -> bool:
    """Return True if the data that `comparison` reads are as new as the audio, which a pitch edit may have changed."""
    drawn = workspace.shown / str(result.number) / _COMPARISON
    return drawn.is_file() and drawn.stat().st_mtime_ns >= result.path.stat().st_mtime_ns


def discard(reserved: ResultFolder) -> None:
    """Delete the folder of an unfinished conversion."""
    shutil.rmtree(reserved.folder, ignore_errors=True)


def results(workspace: Workspace) -> list[int]:
    """List the numbers of all results, newest first, without reading their records."""
    numbers = [int(path.parent.name) for path in workspace.shown.glob(f"*/{_RECORD}") if path.parent.name.isdigit()]
    return sorted(numbers, reverse=True)


def find(workspace: Workspace, number: int) -> Result | None:
    """Read the record of a result; None if the record is missing or malformed, or the audio is missing."""
    found = read_record(Result, workspace.shown / str(number) / _RECORD)
    return found if found is not None and found.path.is_file() else None


def listed(workspace: Workspace) -> list[Result]:
    """Read all results, newest first; of the previews of each song, only the latest one."""
    found, previewed = [], set()
    for number in results(workspace):
        one = find(workspace, number)
        if one is None or (one.preview is not None and one.song in previewed):
            continue
        if one.preview is not None:
            previewed.add(one.song)
        found.append(one)
    return found


def source(workspace: Workspace, result: Result) -> Path:
    """Return the source of a result: the song or, for a preview, the stretch of the song.

    Raises:
        AudioError: the source is missing.
    """
    others = {_RECORD, _COMPARISON, result.path.name}
    for path in sorted((workspace.shown / str(result.number)).iterdir()):
        if path.is_file() and path.name not in others and path.stem == safe_name(Path(result.song).stem):
            return path
    raise AudioError(f"the source of result {result.number} is missing")


def drop_previews(workspace: Workspace, song: str) -> None:
    """Delete the older previews of a song."""
    found = [one for number in results(workspace) if (one := find(workspace, number)) is not None]
    for old in [one for one in found if one.preview is not None and one.song == song][_KEPT_PREVIEWS:]:
        delete(workspace, old.number)


def delete(workspace: Workspace, number: int) -> None:
    """Delete a result: its source, its record and, if it is in the folder `sung`, its audio."""
    for path in _files(workspace, number):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def throw(workspace: Workspace, found: Result) -> trash.Trashed:
    """Move a result to the trash.

    Raises:
        OSError: a file cannot be moved.
    """
    title = f"{found.song} → {found.voice}"
    return trash.throw(workspace, TRASHED, str(found.number), title, _files(workspace, found.number))


def restore(workspace: Workspace, id: str) -> int:
    """Restore a result from the trash and return its number.

    Raises:
        ConfigError: the result is no longer in the trash.
        OSError: a file cannot be moved.
    """
    folder, *audio = trash.restore(workspace, id)
    record_path = folder / _RECORD
    found = Result.model_validate_json(record_path.read_bytes())
    if audio and audio[0] != found.path:  # another file has taken the name in the meantime
        write_text(record_path, found.model_copy(update={"path": audio[0]}).model_dump_json())
    return int(folder.name)


def sweep(workspace: Workspace) -> None:
    """Delete folders of unfinished conversions from processes that have ended."""
    for folder in workspace.shown.iterdir():
        is_unfinished = folder.is_dir() and not (folder / _RECORD).exists()
        if is_unfinished and time.time() - folder.stat().st_mtime > _ABANDONED_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def copy_path(workspace: Workspace, found: Result, suffix: str) -> Path:
    """Return the path for a copy of a result's audio in another format."""
    return workspace.shown / str(found.number) / "formats" / f"{found.path.stem}{suffix}"


def _files(workspace: Workspace, number: int) -> list[Path]:
    """Return the folder of a result and, if it is in the folder `sung`, its audio."""
    found = find(workspace, number)
    folder = workspace.shown / str(number)
    if found is None or not found.path.resolve().is_relative_to(workspace.sung.resolve()):
        return [folder]
    return [folder] if found.path.is_relative_to(folder) else [folder, found.path]
