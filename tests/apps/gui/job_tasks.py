"""What the jobs of test_jobs.py do, in a process of their own."""

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
    """Works until it is stopped, and saves then."""
    begun.touch()
    try:
        for _ in report(range(100_000), title="waiting"):
            time.sleep(0.01)
    except KeyboardInterrupt:
        saved.touch()
        raise


def ignore(report: Report, *, begun: Path) -> None:
    """Cannot be stopped."""
    begun.touch()
    while True:
        try:
            time.sleep(1)
        except KeyboardInterrupt:
            continue


def process_number(report: Report) -> int:
    return os.getpid()
