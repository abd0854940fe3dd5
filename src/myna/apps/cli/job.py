"""Commands of the terminal as jobs in the list of a workspace, which the page shows."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from myna.apps.cli.report import echo_error
from myna.apps.progress import bar
from myna.errors import MynaError
from myna.progress import seconds_left

if TYPE_CHECKING:
    from myna.studio.job_list import Row

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Job:
    """Job of a command: progress on the terminal and, if its files belong to a workspace, an entry in the list of jobs.

    If the list cannot be written, for example on a full disk, a warning is printed and the work goes on.
    """

    def __init__(self, row: Row | None, failures: tuple[type[Exception], ...] = ()) -> None:
        """
        Args:
            row: entry in the list; None if the work is not listed.
            failures: exceptions raised if the list cannot be written.
        """
        self._row = row
        self._failures = failures

    def progress(self, items: Iterable[T], *, title: str, total: int | None = None, unit: str = "it") -> Iterator[T]:
        """Draw a progress bar on the terminal and report to the list; implements `myna.progress.Progress`."""
        shown = bar(items, title=title, total=total, unit=unit)
        if self._row is None:
            yield from shown
            return
        if total is None and isinstance(items, Sized):
            total = len(items)
        started = time.monotonic()
        for number, item in enumerate(shown):
            self.report(title, number, total, time.monotonic() - started)
            yield item

    def report(self, stage: str, done: float, total: float | None, seconds: float) -> None:
        """Report that `done` of `total` items of a stage took `seconds`."""
        left = seconds_left(done, total, seconds)
        self._write(lambda row: row.progress(stage, done / total if total else None, left))

    def note(self, text: str) -> None:
        """Add a line to the log of the job."""
        self._write(lambda row: row.line(text))

    def failure(self, error: MynaError) -> None:
        """Print the error of one file of a batch, and add it to the job's log."""
        echo_error(error)
        self.note(str(error))

    def _write(self, change: Callable[[Row], None]) -> None:
        if self._row is not None:
            try:
                change(self._row)
            except self._failures as error:
                _warn(error)
                self._row = None


@contextmanager
def listed_job(kind: str, title: str, paths: Iterable[Path] = (), **about: Any) -> Iterator[Job]:
    """List the work of the `with` block if the working folder or one of `paths` lies in a workspace with a list.

    Args:
        kind: kind of the job, as on the page: convert, prepare, train, evaluate.
        title: title of the job for people.
        paths: files and folders that the work reads or writes.
        about: names of the items that the job works on; `project` is added if the work belongs to one.
    """
    import sqlite3

    from myna.studio.job_list import JobList, workspace_of

    places = [Path.cwd(), *(path.absolute() for path in paths)]
    workspace = workspace_of(*places)
    if workspace is None:
        yield Job(None)
        return
    inside = [place.relative_to(workspace.training) for place in places if place.is_relative_to(workspace.training)]
    if projects := [place.parts[0] for place in inside if place.parts]:
        about = {"project": projects[0]} | about
    failures = (OSError, sqlite3.Error)
    row = None
    try:
        jobs = JobList(workspace)
        entry = jobs.listed(kind, title, about=about)
        row = entry.__enter__()
    except failures as error:
        _warn(error)
    if row is None:
        yield Job(None)
        return
    try:
        yield Job(row, failures)
    except BaseException as error:  # also KeyboardInterrupt and SystemExit
        _end(entry, error, failures)
        raise
    else:
        _end(entry, None, failures)
    finally:
        jobs.close()


def _end(
    entry: AbstractContextManager[Row], ending: BaseException | None, failures: tuple[type[Exception], ...]
) -> None:
    """Exit the context `entry` with the exception that ended the work, and warn if the list cannot be written."""
    try:
        entry.__exit__(type(ending) if ending else None, ending, ending.__traceback__ if ending else None)
    except failures as error:
        if error is not ending:
            _warn(error)


def _warn(error: Exception) -> None:
    _log.warning("the list of jobs cannot be written: %s", error)
