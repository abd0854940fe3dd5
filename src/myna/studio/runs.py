"""Record of the last preparation or training run in a folder, which also shows whether the run was killed.

with recorded(folder / "last_run.json"):
    prepare()
last_run(folder / "last_run.json").outcome  # "done"; it stays "running" if the process is killed
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from myna.errors import explain
from myna.storage.atomic import write_text

LAST_RUN = "last_run.json"  # name of the record of a training run, in the folder of the checkpoints


class Outcome(StrEnum):
    RUNNING = "running"  # or killed, if no process holds the lock of the folder
    DONE = "done"
    STOPPED = "stopped"  # by the user
    FAILED = "failed"


@dataclass(frozen=True)
class Run:
    """Outcome of the last run, and its end time or, for a running one, its start time."""

    outcome: Outcome
    at: float = field(default_factory=time.time)  # in seconds since the epoch
    error: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def last_run(path: Path) -> Run | None:
    """Read the record of the last run; None if there is none."""
    try:
        found = json.loads(path.read_text("utf-8"))
        return Run(Outcome(found["outcome"]), float(found["at"]), found["error"], dict(found["facts"]))
    except (OSError, ValueError, LookupError, TypeError):
        return None


def write_run(path: Path, run: Run) -> None:
    """Write the record of a run. If this fails, for example because the disk is full, do nothing."""
    with suppress(OSError):
        write_text(path, json.dumps(asdict(run)))


@contextmanager
def recorded(path: Path, facts: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Record the beginning and the outcome of the work in the `with` block."""
    kept = dict(facts or {})
    write_run(path, Run(Outcome.RUNNING, facts=kept))
    try:
        yield
    except BaseException as error:
        write_run(path, failed_run(error, kept))
        raise
    write_run(path, Run(Outcome.DONE, facts=kept))


def failed_run(error: BaseException, facts: Mapping[str, Any]) -> Run:
    """Return the record of a run that ended with an error or with Ctrl-C."""
    if isinstance(error, KeyboardInterrupt):
        return Run(Outcome.STOPPED, facts=facts)
    return Run(Outcome.FAILED, error=explain(error) or f"{type(error).__name__}: {error}", facts=facts)


def fingerprint(path: Path) -> str:
    """Return the SHA-256 of a file; "" if it does not exist."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
