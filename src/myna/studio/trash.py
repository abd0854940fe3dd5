"""Trash of a workspace; its items can be restored for 30 days.

Each item is a folder with a record and the deleted files and folders, which keep their names. A deletion moves files,
so it is instant and needs no disk space.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from myna.errors import ConfigError
from myna.storage.atomic import write_text
from myna.storage.records import read_record
from myna.studio.workspace import Workspace, unused

KEPT_DAYS = 30
_RECORD = "item.json"


class Trashed(BaseModel):
    """A deleted item."""

    model_config = ConfigDict(frozen=True)

    id: str
    kind: str  # result, voice, project or preset
    name: str  # number of a result, or name of another item
    title: str  # name for display
    deleted_at: float  # seconds since 1970
    bytes: int
    places: list[Path]  # original paths of the files and folders, in the order of their numbers in the trash


def throw(workspace: Workspace, kind: str, name: str, title: str, paths: Sequence[Path]) -> Trashed:
    """Move files and folders to the trash as one item; paths that do not exist are left out.

    Raises:
        ConfigError: none of the paths exists.
        OSError: a file or folder cannot be moved; those moved before are moved back.
    """
    empty_old(workspace)
    there = [path.absolute() for path in paths if path.is_symlink() or path.exists()]
    if not there:
        raise ConfigError(f"{title} is already deleted")
    folder = _new_folder(workspace)
    size = sum(map(_bytes, there))
    item = Trashed(id=folder.name, kind=kind, name=name, title=title, deleted_at=time.time(), bytes=size, places=there)
    write_text(folder / _RECORD, item.model_dump_json())
    moved: list[tuple[Path, Path]] = []
    try:
        for number, path in enumerate(there):
            shutil.move(path, folder / str(number))
            moved.append((folder / str(number), path))
    except OSError:
        for place, path in moved:
            shutil.move(place, path)
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return item


def contents(workspace: Workspace) -> list[Trashed]:
    """List the items, latest first."""
    found = [item for item in _items(workspace) if not _is_old(item)]
    return sorted(found, key=lambda item: item.deleted_at, reverse=True)


def find(workspace: Workspace, id: str) -> Trashed:
    """Return an item of the trash.

    Raises:
        ConfigError: the trash has no such item.
    """
    for item in contents(workspace):
        if item.id == id:
            return item
    raise ConfigError("this is no longer in the trash")


def restore(workspace: Workspace, id: str) -> list[Path]:
    """Move an item back to its original paths, and return the paths. A file gets another name if its path is taken.

    Raises:
        ConfigError: the trash has no such item, or the path of a folder is taken.
        OSError: a file or folder cannot be moved.
    """
    item = find(workspace, id)
    folder = workspace.trash / item.id
    stored = [folder / str(number) for number in range(len(item.places))]
    for place, original in zip(stored, item.places, strict=True):
        if place.is_dir() and (original.exists() or original.is_symlink()):
            raise ConfigError(f"there is another {original.name} now; rename or delete it first")
    restored = []
    for place, original in zip(stored, item.places, strict=True):
        target = unused(original)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(place, target)
        restored.append(target)
    shutil.rmtree(folder, ignore_errors=True)
    return restored


def delete(workspace: Workspace, id: str) -> None:
    """Delete an item permanently.

    Raises:
        ConfigError: the trash has no such item.
        OSError: a file cannot be deleted.
    """
    shutil.rmtree(workspace.trash / find(workspace, id).id)


def empty_old(workspace: Workspace) -> None:
    """Delete items that are older than `KEPT_DAYS`."""
    for item in _items(workspace):
        if _is_old(item):
            shutil.rmtree(workspace.trash / item.id, ignore_errors=True)


def _items(workspace: Workspace) -> list[Trashed]:
    found = []
    for path in workspace.trash.glob(f"*/{_RECORD}"):
        if (item := read_record(Trashed, path)) is not None:
            found.append(item.model_copy(update={"id": path.parent.name}))
    return found


def _is_old(item: Trashed) -> bool:
    return time.time() - item.deleted_at > KEPT_DAYS * 24 * 3600


def _new_folder(workspace: Workspace) -> Path:
    number = time.time_ns()
    while True:
        folder = workspace.trash / str(number)
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
            continue
        return folder


def _bytes(path: Path) -> int:
    if path.is_symlink():
        return 0
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(one.lstat().st_size for one in files if one.is_file() and not one.is_symlink())
