"""SQLite list of a workspace's long-running jobs, which were started on the page or in a terminal.

    jobs = JobList(workspace)
    with jobs.listed("train", "anna: train", Place.TERMINAL, about={"project": "anna"}) as row:
        row.progress("training", 0.5, 600.0)
        row.line("step 100 saved")

A process holds a lock file until it ends. Thus an unfinished row with a free lock belongs to a process that has ended,
for example by a crash or a power cut.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from myna.errors import explain
from myna.storage.lock import acquire, release
from myna.studio.workspace import Workspace

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
  id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, title TEXT NOT NULL, place TEXT NOT NULL,
  owner TEXT NOT NULL, state TEXT NOT NULL, stage TEXT NOT NULL DEFAULT '', fraction REAL, seconds_left REAL,
  seconds REAL NOT NULL DEFAULT 0, error TEXT, created_at REAL NOT NULL,
  request TEXT, about TEXT NOT NULL DEFAULT '{}', facts TEXT NOT NULL DEFAULT '{}');
CREATE TABLE IF NOT EXISTS lines (job INTEGER NOT NULL, at REAL NOT NULL, text TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS lines_of_a_job ON lines (job);
"""
_WAIT_SECONDS = 10.0  # longest wait for another process that writes
_PROGRESS_SECONDS = 1.0  # minimum time between two writes of a job's progress
_MOST_NUMBER = 2**63 - 1  # largest integer in SQLite
_KEPT = 500  # limit on ended jobs; older ones are removed from the list
_KEPT_LINES = 2000  # limit on the lines in a job's log
_COLUMNS = ("state", "stage", "fraction", "seconds_left", "seconds", "error", "about", "facts")


class JobState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"  # the studio closed before the job ended
    GONE = "gone"  # the terminal's process ended without recording an outcome

    @property
    def over(self) -> bool:
        return self not in (JobState.WAITING, JobState.RUNNING, JobState.STOPPING)


class Place(StrEnum):
    """Program that started a job."""

    PAGE = "page"
    TERMINAL = "terminal"


@dataclass(frozen=True)
class ListedJob:
    """A row of the list."""

    id: int
    kind: str
    title: str
    place: Place
    owner: str
    state: JobState
    stage: str
    fraction: float | None
    seconds_left: float | None
    seconds: float
    error: str | None
    created_at: float  # seconds since the epoch
    request: Mapping[str, Any] | None  # parameters for starting the job again
    about: Mapping[str, Any] = field(default_factory=dict)  # items that the job works on, and its outputs
    facts: Mapping[str, Any] = field(default_factory=dict)


class JobList:
    """The list of jobs of a workspace. Threads may share it; each call is one transaction."""

    def __init__(self, workspace: Workspace) -> None:
        self._folder = workspace.folder / "jobs"
        self._path = self._folder / "jobs.sqlite"
        self._owner = uuid.uuid4().hex
        self._lock_file: int | None = None
        self._writing = threading.Lock()
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._connected() as connection:
            connection.execute("PRAGMA journal_mode = WAL")  # this setting is stored in the file
            connection.executescript(_SCHEMA)

    def others(self) -> dict[int, ListedJob]:
        """Return the jobs of other processes, by number."""
        return {job.id: job for job in self._select("WHERE owner != ?", self._owner)}

    def add(
        self,
        kind: str,
        title: str,
        place: Place,
        *,
        about: Mapping[str, Any] | None = None,
        request: Mapping[str, Any] | None = None,
        state: JobState = JobState.WAITING,
    ) -> int:
        """Add a job of this process and return its number."""
        self._hold_lock()
        row = (kind, title, place, self._owner, state, time.time(), _json(request), _json(about or {}))
        with self._connected() as connection:
            added = connection.execute(
                "INSERT INTO jobs (kind, title, place, owner, state, created_at, request, about) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            ).lastrowid
            over = [str(state) for state in JobState if state.over]
            marks = ",".join("?" * len(over))
            old = f"SELECT id FROM jobs WHERE state IN ({marks}) ORDER BY id DESC LIMIT -1 OFFSET {_KEPT}"
            connection.execute(f"DELETE FROM lines WHERE job IN ({old})", over)
            connection.execute(f"DELETE FROM jobs WHERE id IN ({old})", over)
        assert added is not None
        return added

    def update(self, number: int, **values: Any) -> None:
        """Change the given columns of a job: state, stage, fraction, seconds_left, seconds, error, about, facts."""
        assert values.keys() <= set(_COLUMNS), values.keys()
        plain = [_json(value) if isinstance(value, Mapping) else value for value in values.values()]
        names = ", ".join(f"{name} = ?" for name in values)
        with self._connected() as connection:
            connection.execute(f"UPDATE jobs SET {names} WHERE id = ?", (*plain, number))

    def line(self, number: int, text: str) -> None:
        """Append a line to the log of a job; the oldest lines of a long log are removed."""
        with self._connected() as connection:
            connection.execute("INSERT INTO lines VALUES (?, ?, ?)", (number, time.time(), text))
            connection.execute(
                "DELETE FROM lines WHERE rowid IN "
                "(SELECT rowid FROM lines WHERE job = ? ORDER BY rowid DESC LIMIT -1 OFFSET ?)",
                (number, _KEPT_LINES),
            )

    def log(self, number: int) -> list[tuple[float, str]]:
        """Return the log of a job as pairs of time (seconds since the epoch) and text."""
        with self._connected() as connection:
            found = connection.execute("SELECT at, text FROM lines WHERE job = ? ORDER BY rowid", (number,)).fetchall()
        return [(float(at), str(text)) for at, text in found]

    def get(self, number: int) -> ListedJob | None:
        """Return the job with this number, or None."""
        return next(iter(self._select("WHERE id = ?", number)), None) if 0 < number <= _MOST_NUMBER else None

    def all(self) -> list[ListedJob]:
        """Return all jobs, newest first."""
        return self._select()

    def remove(self, number: int) -> None:
        """Remove an ended job and its log from the list."""
        with self._connected() as connection:
            connection.execute("DELETE FROM lines WHERE job = ?", (number,))
            connection.execute("DELETE FROM jobs WHERE id = ?", (number,))

    @contextmanager
    def listed(
        self, kind: str, title: str, place: Place = Place.TERMINAL, *, about: Mapping[str, Any] | None = None
    ) -> Iterator[Row]:
        """Add a row for the work of the `with` block, and record whether it succeeded, failed or was interrupted."""
        row = Row(self, self.add(kind, title, place, about=about, state=JobState.RUNNING))
        try:
            yield row
        except (KeyboardInterrupt, SystemExit):  # Ctrl-C, or a signal that ends the program
            row.end(JobState.CANCELLED)
            raise
        except BaseException as error:
            row.end(JobState.FAILED, explain(error) or f"{type(error).__name__}: {error}")
            raise
        row.end(JobState.DONE)

    def close(self) -> None:
        """Release the lock of this process; from now on, its unfinished rows count as interrupted."""
        if self._lock_file is not None:
            release(self._lock_file)
            self._lock_file = None
            self._lock_path(self._owner).unlink(missing_ok=True)

    def _hold_lock(self) -> None:
        with self._writing:
            if self._lock_file is None:
                with suppress(OSError):  # on a drive without locks, unfinished rows count as running
                    self._lock_file = acquire(self._lock_path(self._owner))

    def _lock_path(self, owner: str) -> Path:
        return self._folder / f"{owner}.lock"

    def _select(self, where: str = "", *values: Any) -> list[ListedJob]:
        """Return the jobs that fulfil an SQL condition, newest first."""
        with self._connected() as connection:
            rows = connection.execute(f"SELECT * FROM jobs {where} ORDER BY id DESC", values).fetchall()
        return [self._checked(_job(row)) for row in rows]

    def _checked(self, job: ListedJob) -> ListedJob:
        """Return a job; if its process ended without recording an outcome, first record it as interrupted or gone."""
        if job.state.over or job.owner == self._owner or self._alive(job.owner):
            return job
        state = JobState.INTERRUPTED if job.place is Place.PAGE else JobState.GONE
        self.update(job.id, state=state, seconds_left=None)
        return self.get(job.id) or job

    def _alive(self, owner: str) -> bool:
        path = self._lock_path(owner)
        if not path.exists():
            return False
        try:
            free = acquire(path)
        except OSError:
            return True
        if free is None:
            return True
        release(free)
        path.unlink(missing_ok=True)
        return False

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self._path, timeout=_WAIT_SECONDS)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA synchronous = NORMAL")
            with connection:
                yield connection
        finally:
            connection.close()


class Row:
    """A listed job of this process. Its progress is written at most once a second."""

    def __init__(self, jobs: JobList, number: int) -> None:
        self.number = number
        self._jobs = jobs
        self._started = time.monotonic()
        self._written = -_PROGRESS_SECONDS

    def progress(self, stage: str, fraction: float | None, seconds_left: float | None) -> None:
        now = time.monotonic()
        if now - self._written >= _PROGRESS_SECONDS:
            self._written = now
            self._jobs.update(
                self.number,
                stage=stage,
                fraction=fraction,
                seconds_left=seconds_left,
                seconds=now - self._started,
            )

    def line(self, text: str) -> None:
        self._jobs.line(self.number, text)

    def end(self, state: JobState, error: str | None = None) -> None:
        seconds = time.monotonic() - self._started
        self._jobs.update(self.number, state=state, error=error, seconds=seconds, seconds_left=None)


def workspace_of(*places: Path) -> Workspace | None:
    """Return the first workspace that has a list of jobs and contains one of these files and folders, or None."""
    for place in places:
        for folder in (place.absolute(), *place.absolute().parents):
            if (folder / "jobs" / "jobs.sqlite").is_file():
                return Workspace(folder)
    return None


def _job(row: sqlite3.Row) -> ListedJob:
    found = dict(row)
    for name in ("request", "about", "facts"):
        found[name] = json.loads(found[name]) if found[name] else None
    return ListedJob(
        **{**found, "state": JobState(found["state"]), "place": Place(found["place"])},
    )


def _json(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(value, default=str)
