"""Tasks of the jobs in test_jobs.py, which run in their own process."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from myna.apps.gui import jobs, tasks
from myna.apps.gui.jobs import Report
from myna.errors import AudioError


def load_long(connection: Connection) -> None:
    """Work of a process whose libraries take minutes to load."""
    tasks.warm_up = lambda: time.sleep(100)
    jobs._work(connection)


@dataclass(frozen=True)
class Double:
    number: int

    def run(self, report: Report) -> int:
        for _ in report(range(3), title="doubling", unit="times"):
            pass
        report.note("easy")
        report.fact("half", self.number)
        return 2 * self.number


@dataclass(frozen=True)
class Refuse:
    def run(self, report: Report) -> None:
        raise AudioError("song.wav is no sound")


@dataclass(frozen=True)
class FillDisk:
    def run(self, report: Report) -> None:
        raise OSError(28, "No space left on device", "song.wav")


@dataclass(frozen=True)
class Err:
    def run(self, report: Report) -> None:
        raise RuntimeError("unexpected")


@dataclass(frozen=True)
class Die:
    def run(self, report: Report) -> None:
        os._exit(3)


@dataclass(frozen=True)
class Wait:
    """Run until stopped, then save."""

    begun: Path
    saved: Path

    def run(self, report: Report) -> None:
        try:
            self.begun.touch()
            for _ in report(range(100_000), title="waiting"):
                time.sleep(0.01)
        except KeyboardInterrupt:
            self.saved.touch()
            raise


@dataclass(frozen=True)
class Ignore:
    """Ignore all requests to stop."""

    begun: Path

    def run(self, report: Report) -> None:
        self.begun.touch()
        while True:
            try:
                time.sleep(1)
            except KeyboardInterrupt:
                continue


@dataclass(frozen=True)
class ProcessNumber:
    def run(self, report: Report) -> int:
        return os.getpid()
