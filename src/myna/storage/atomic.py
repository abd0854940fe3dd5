"""Atomic writing of files.

A file is written in a hidden folder beside its destination, synced to the disk, and then moved to its destination. The
writing process holds a lock in the hidden folder. A hidden folder with a free lock is left over from a killed process;
the next process that writes beside it removes it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path

from myna.storage import lock

_PREFIX, _SUFFIX = ".myna-", ".part"
_LOCK = "lock"  # name of the lock file in a hidden folder
_OLD_SECONDS = 24 * 60 * 60  # age at which a hidden folder is removed even if its lock cannot be checked


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path. Its file replaces `path` after the block, or is removed if the block raises an error.

    The file is synced before it replaces `path`, so that a power failure leaves either the previous or the new file.
    The file gets the permissions of a new file, even if the block sets others.

    Raises:
        OSError: the file cannot be written; the previous file is unchanged.
    """
    with replacing_together(path) as (temporary,):
        yield temporary


def write_text(path: Path, text: str) -> None:
    """Replace a file by text in UTF-8, like `replacing`.

    Raises:
        OSError: the file cannot be written; the previous file is unchanged.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def replacing_together(*paths: Path) -> Iterator[list[Path]]:
    """Yield a temporary path for each of `paths`, like `replacing`; replace no file before all new files are synced."""
    with ExitStack() as stack:
        folders = [stack.enter_context(hidden_folder(path.parent)) for path in paths]
        temporaries = [folder / path.name for folder, path in zip(folders, paths, strict=True)]
        for temporary in temporaries:
            temporary.touch()
        modes = [temporary.stat().st_mode for temporary in temporaries]
        yield temporaries
        for temporary, mode in zip(temporaries, modes, strict=True):
            temporary.chmod(mode)
            _sync(temporary)
        for temporary, path in zip(temporaries, paths, strict=True):
            temporary.replace(path)
        for parent in {path.parent for path in paths}:
            with suppress(OSError):  # some systems cannot sync folders
                _sync(parent)


@contextmanager
def making_folder(path: Path) -> Iterator[Path]:
    """Yield an empty temporary folder. It becomes `path` after the block, or is removed if the block raises an error.

    If another process has created `path` in the meantime, its folder stays.

    Raises:
        OSError: the folder cannot be written.
    """
    with hidden_folder(path.parent) as hidden:
        temporary = hidden / path.name
        temporary.mkdir()
        yield temporary
        for file in temporary.rglob("*"):
            _sync(file)
        try:
            temporary.replace(path)
        except OSError:
            if not path.is_dir():
                raise


@contextmanager
def hidden_folder(parent: Path) -> Iterator[Path]:
    """Yield a hidden folder in `parent`. It is removed after the block, or later if the process is killed."""
    _remove_left_overs_once(parent)
    folder, descriptor = Path(tempfile.mkdtemp(_SUFFIX, _PREFIX, parent)), None
    try:
        # Another process that checks for left-overs may hold the lock for a moment. Some file systems have no locks.
        with suppress(OSError):
            while (descriptor := lock.acquire(folder / _LOCK)) is None:
                time.sleep(0.01)
        yield folder
    finally:
        if descriptor is not None:
            lock.release(descriptor)
        shutil.rmtree(folder, ignore_errors=True)


def remove_left_overs(parent: Path) -> None:
    """Remove the partial files of killed processes from `parent`."""
    for folder in parent.glob(f"{_PREFIX}*{_SUFFIX}"):
        with suppress(OSError):
            if _is_left_over(folder):
                shutil.rmtree(folder, ignore_errors=True)


# Cache this, because thousands of clips are written to the same folder.
_remove_left_overs_once = cache(remove_left_overs)


def _is_left_over(folder: Path) -> bool:
    old = time.time() - folder.stat().st_mtime > _OLD_SECONDS
    if not any(path.name != _LOCK for path in folder.iterdir()):
        return old  # its process has not locked it yet, or was killed before that
    try:
        descriptor = lock.acquire(folder / _LOCK)
    except OSError:  # the file system has no locks
        return old
    if descriptor is None:
        return False
    lock.release(descriptor)
    return True


def _sync(path: Path) -> None:
    # Windows syncs a file only if it is open for writing; other systems open a folder only for reading.
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
