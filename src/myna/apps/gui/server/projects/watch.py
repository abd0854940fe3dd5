"""Background work for voices in training: checks of recordings, and reading of training logs.

Both run in a worker process and take seconds. Meanwhile, earlier results are returned; pages are notified of new ones.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from myna.apps.actions.training_log import Curves
from myna.apps.gui.jobs import Task
from myna.apps.gui.tasks.learning import CheckRecordings, ReadCurves
from myna.errors import MynaError
from myna.studio.project import Project, ProjectStatus


@dataclass(frozen=True)
class _Log:
    """Contents of a log, and its size when it was read."""

    n_bytes: int
    curves: Curves


class Watch:
    """Checks and training logs of all voices in training of a studio."""

    def __init__(self, call: Callable[[Task[Any]], Any], on_change: Callable[[str], None]) -> None:
        """
        Args:
            call: function that runs a short task in a worker process and returns its result.
            on_change: called with the name of a voice that has new results.
        """
        self._call, self._on_change = call, on_change
        self._lock = threading.Lock()
        self._logs: dict[Path, _Log] = {}
        self._busy: set[tuple[str, Path]] = set()

    def check(self, project: Project, status: ProjectStatus) -> None:
        """Start to check the new and changed recordings in the background."""
        if project.unchecked(status):
            self._begin("check", project, self._check)

    def curves(self, project: Project, status: ProjectStatus) -> Curves:
        """Return the log as it was last read, and start to read new entries in the background."""
        known = self._logs.get(project.folder)
        if known is None and not status.log_bytes:
            return Curves()
        if known is None or known.n_bytes != status.log_bytes:
            self._begin("log", project, self._read)
        return known.curves if known is not None else Curves()

    def fresh_curves(self, project: Project, status: ProjectStatus) -> Curves:
        """Read the new entries of the log, and return the curves of all entries.

        Raises:
            MynaError: the log cannot be read.
        """
        known = self._logs.get(project.folder)
        if known is None or known.n_bytes != status.log_bytes:
            self._keep(project, status.log_bytes)
        return self._logs[project.folder].curves

    def _begin(self, what: str, project: Project, read: Callable[[Project], None]) -> None:
        with self._lock:
            if (what, project.folder) in self._busy:
                return
            self._busy.add((what, project.folder))

        def run() -> None:
            try:
                read(project)
            except (MynaError, OSError):
                pass  # the folder was deleted, or the studio is closing
            finally:
                with self._lock:
                    self._busy.discard((what, project.folder))
            self._on_change(project.name)

        threading.Thread(target=run, name=f"{what} {project.name}", daemon=True).start()

    def _check(self, project: Project) -> None:
        # A task ends after a few seconds, so that other tasks of the lane can run in between.
        while self._call(CheckRecordings(project.folder)):
            self._on_change(project.name)

    def _read(self, project: Project) -> None:
        self._keep(project, project.status().log_bytes)

    def _keep(self, project: Project, n_bytes: int) -> None:
        curves: Curves = self._call(ReadCurves(project.folder))
        self._logs[project.folder] = _Log(n_bytes, curves)
