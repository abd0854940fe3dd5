"""Locks on folders. When the process that holds a lock ends, for any reason, the operating system releases the lock."""

from __future__ import annotations

import errno
import json
import logging
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from myna.errors import BusyError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_log = logging.getLogger(__name__)

_NAME = ".lock"
# Errors on file systems without locks, for example some network drives.
_UNSUPPORTED = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL}
_UNWRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS}
# On Windows, Python has only exclusive locks on ranges of bytes. Therefore, a shared lock locks one of `_N_BYTES`
# bytes, and an exclusive lock locks all of them. They are far beyond the text in the file, because locked bytes cannot
# be read.
_FIRST_BYTE, _N_BYTES = 1 << 20, 64

_held: set[int] = set()  # file descriptors of the locks of this process


@contextmanager
def locked(folder: Path, or_else: str = "", *, shared: bool = False) -> Iterator[None]:
    """Hold the lock of a folder, so that no other process changes its files during the `with` block.

    A folder that does not exist is not locked. On a file system without locks, a warning is logged and the block runs
    without a lock.

    Args:
        folder: folder to lock.
        or_else: an alternative that the error message suggests, for example "train in another folder with -m".
        shared: whether to take a shared lock, which several processes can hold at once. A read-only folder needs no
            shared lock, so none is taken.

    Raises:
        BusyError: another process holds the lock; the message names that process.
        OSError: the folder cannot be written to.
    """
    path = folder / _NAME
    descriptor, named = None, False
    try:
        if shared:
            _clear_if_unused(path)
        descriptor = acquire(path, shared=shared)
        if descriptor is None:
            ways = f"wait until it ends, stop it, or {or_else}" if or_else else "wait until it ends, or stop it"
            raise BusyError(f"{folder} is in use by {_read_owner(path) or 'another process'}: {ways}")
        named = not (shared and os.fstat(descriptor).st_size)  # the file has room for one process's name
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            _log.warning("%s is on a drive without file locks: make sure that no other program uses it", folder)
        elif not (shared and error.errno in _UNWRITABLE):
            raise
    try:
        if descriptor is not None and named:
            _write_owner(descriptor)
        yield
    finally:
        if descriptor is not None:
            if named:
                with suppress(OSError):
                    os.ftruncate(descriptor, 0)
            release(descriptor)


@dataclass(frozen=True)
class Owner:
    """Process that holds the lock of a folder."""

    program: str  # the program and its command, for example "svc train"
    pid: int
    host: str
    since: float  # time at which it took the lock, in seconds since the epoch

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(self.since))
        return f"{self.program} (process {self.pid} on {self.host}, since {since})"


def owner(folder: Path) -> Owner | None:
    """Return the process named in the lock of a folder; None if no process holds the lock."""
    path = folder / _NAME
    with suppress(OSError):
        # Try the lock only while a name is in the file: during the attempt, other processes cannot take it.
        if path.stat().st_size:
            _clear_if_unused(path)
    return _read_owner(path)


def _clear_if_unused(path: Path) -> None:
    """Remove the name of a killed process from the lock file; change nothing if a process holds the lock."""
    descriptor = acquire(path)
    if descriptor is not None:
        os.ftruncate(descriptor, 0)
        release(descriptor)


def acquire(path: Path, *, shared: bool = False) -> int | None:
    """Create a file if needed, lock it and return its descriptor; return None if another process has locked it.

    Raises:
        OSError: the file cannot be created, or the file system has no locks.
    """
    _close_in_children()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if _lock(descriptor, shared):
            _held.add(descriptor)
            return descriptor
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def release(descriptor: int) -> None:
    _held.discard(descriptor)
    os.close(descriptor)


if sys.platform == "win32":

    def _lock(descriptor: int, shared: bool) -> bool:
        for byte in range(_N_BYTES if shared else 1):
            os.lseek(descriptor, _FIRST_BYTE + byte, os.SEEK_SET)
            try:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1 if shared else _N_BYTES)
            except PermissionError:
                continue
            return True
        return False

else:

    def _lock(descriptor: int, shared: bool) -> bool:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        return True


@cache
def _close_in_children() -> None:
    """Make forked processes, for example workers that load clips, close the locks.

    Otherwise, they would hold the locks longer than the process that took them.
    """

    def close() -> None:
        for descriptor in _held:
            with suppress(OSError):
                os.close(descriptor)
        _held.clear()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=close)


def _write_owner(descriptor: int) -> None:
    owner = Owner(_program(), os.getpid(), socket.gethostname(), time.time())
    with suppress(OSError):  # the disk may be full; the lock works without the text
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, json.dumps(asdict(owner)).encode())


def _read_owner(path: Path) -> Owner | None:
    """Return the process named in a lock file, or None."""
    try:
        found = json.loads(path.read_text("utf-8"))
        owner = Owner(str(found["program"]), int(found["pid"]), str(found["host"]), float(found["since"]))
        str(owner)  # raises an error for a time outside the calendar
        return owner
    except (OSError, ValueError, LookupError, TypeError, OverflowError):
        return None


def _program() -> str:
    """Return the names of this program and its command, without the other arguments, which may be private."""
    name = Path(sys.argv[0]).stem if sys.argv and sys.argv[0] else "python"
    if name not in ("svc", "__main__"):
        return name
    command = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), "")
    return f"svc {command}".strip()
