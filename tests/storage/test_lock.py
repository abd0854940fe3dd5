"""A lock keeps other processes out, names its owner, and ends with it."""

from __future__ import annotations

import errno
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from myna.errors import BusyError
from myna.storage import lock
from myna.storage.lock import locked

HOLDER = """
import os, sys, time
from pathlib import Path
from myna.storage.lock import locked
sys.argv = {arguments!r}
with locked(Path({folder!r}), shared={shared}):
    if not {forks} or os.fork() == 0:
        print(os.getpid(), flush=True)
    time.sleep(60)
"""


@contextmanager
def holder(
    folder: Path, *arguments: str, shared: bool = False, forks: bool = False
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start a process that holds a lock; yield it, and its process id or that of its child."""
    code = HOLDER.format(arguments=list(arguments), folder=str(folder), shared=shared, forks=forks)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process, int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def test_a_second_process_is_refused_and_the_first_is_named(tmp_path: Path) -> None:
    with holder(tmp_path, "/usr/bin/svc", "-v", "train", "--secret", "word") as (_, number):
        for shared in (False, True):
            with pytest.raises(BusyError) as error, locked(tmp_path, "train in another folder with -m", shared=shared):
                pass
            text = str(error.value)
            assert text.startswith(f"{tmp_path} is in use by svc train (process {number} on ")
            assert text.endswith("): wait until it ends, stop it, or train in another folder with -m")
            assert "secret" not in text and "word" not in text


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["/usr/bin/svcg", "--auth", "me:password"], "svcg"),
        (["svc", "gui", "--port", "7"], "svc gui"),
        (["/x/myna/__main__.py", "pre-hubert"], "svc pre-hubert"),
        (["my_script.py", "token"], "my_script"),
        ([""], "python"),
    ],
)
def test_the_owner_is_named_by_program_and_command(
    arguments: list[str], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", arguments)
    owner = rf"in use by {name} \(process {os.getpid()} on "
    with locked(tmp_path), pytest.raises(BusyError, match=owner), locked(tmp_path):
        pass
    with locked(tmp_path):  # it is free again
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="no fork, no SIGKILL")
def test_the_lock_of_a_killed_process_is_free_although_its_child_lives(tmp_path: Path) -> None:
    """Like the processes that load clips, which live for some seconds after their parent was killed."""
    with holder(tmp_path, "svc", "train", forks=True) as (process, child):
        process.send_signal(signal.SIGKILL)
        process.wait()
        try:
            os.kill(child, 0)
            with locked(tmp_path):
                pass
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_lock_can_be_shared_and_then_excludes_only_others(tmp_path: Path) -> None:
    with holder(tmp_path, "svc", "train", shared=True):
        with locked(tmp_path, shared=True):
            pass
        with (
            pytest.raises(BusyError, match=r"in use by svc train .*: wait until it ends, or stop it$"),
            locked(tmp_path),
        ):
            pass
    with locked(tmp_path):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_the_name_of_a_killed_process_is_not_used_for_a_later_one(tmp_path: Path) -> None:
    with holder(tmp_path, "svc", "pre-config", shared=True):
        pass  # it is killed at the end of the block
    started = holder(tmp_path, "svc", "train", shared=True)
    with started, pytest.raises(BusyError, match="in use by svc train "), locked(tmp_path):
        pass


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_drive_without_locks_is_warned_of(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def without(*_: Any) -> bool:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(lock, "_lock", without)
    with caplog.at_level(logging.WARNING), locked(tmp_path):
        pass
    assert "is on a drive without file locks" in caplog.text


def test_a_folder_that_cannot_be_written_to_needs_no_shared_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: Any) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "open", read_only)
    with locked(tmp_path, shared=True):
        pass
    with pytest.raises(OSError, match="Read-only"), locked(tmp_path):
        pass
    with locked(tmp_path / "absent", shared=True):
        pass


def test_an_absent_folder_is_not_created(tmp_path: Path) -> None:
    with locked(tmp_path / "absent"):
        pass
    assert not (tmp_path / "absent").exists()


def test_the_process_that_holds_a_lock_can_be_asked_for(tmp_path: Path) -> None:
    assert lock.owner(tmp_path) is None and not list(tmp_path.iterdir())
    with holder(tmp_path, "/usr/bin/svc", "train") as (_, number):
        found = lock.owner(tmp_path)
        assert found is not None and (found.program, found.pid) == ("svc train", number)
    assert lock.owner(tmp_path) is None, "it was killed, and its name is still in the file"
    with locked(tmp_path):
        pass
