"""Tasks of the jobs in test_jobs.py, which run in their own process."""

from __future__ import annotations

import os
import time
from pathlib import Path

from myna.apps.gui.jobs import Report
from myna.errors import AudioError


def double(report: Report, *, number: int) -> int:
    for _ in report(range(3), title="doubling", unit="times"):
        pass
    report.note("easy")
    report.fact("half", number)
    return 2 * number


def refuse(report: Report) -> None:
    raise AudioError("song.wav is no sound")


def fill_disk(report: Report) -> None:
    raise OSError(28, "No space left on device", "song.wav")


def err(report: Report) -> None:
    raise RuntimeError("unexpected")


def die(report: Report) -> None:
    os._exit(3)


def wait(report: Report, *, begun: Path, saved: Path) -> None:
    """Run until stopped, then save."""
    begun.touch()
    try:
        for _ in report(range(100_000), title="waiting"):
            time.sleep(0.01)
    except KeyboardInterrupt:
        saved.touch()
        raise


def ignore(report: Report, *, begun: Path) -> None:
    """Ignore all requests to stop."""
    begun.touch()
    while True:
        try:
            time.sleep(1)
        except KeyboardInterrupt:
            continue


def process_number(report: Report) -> int:
    return os.getpid()
