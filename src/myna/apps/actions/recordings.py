"""Checks of a voice's recordings before training."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

if TYPE_CHECKING:
    from myna.studio.dataset import CheckedRecording
    from myna.studio.take_report import Kind, TakeReport


def check_recordings(folder: Path, seconds: float) -> int:
    """Check the new and changed recordings of a project, and store the reports in the project.

    Args:
        folder: project folder.
        seconds: time limit. Once it has passed, no further check is started; the next call continues.

    Returns:
        The number of unchecked recordings that are left.
    """
    from myna.layout import RECORDINGS
    from myna.storage.atomic import write_text
    from myna.studio.dataset import report_on
    from myna.studio.project import Project

    project = Project(folder)
    known = project.checked()
    rows: dict[str, Any] = {}
    left, until = 0, time.monotonic() + seconds
    for path in project.status().recordings:
        name, stat = path.relative_to(folder / RECORDINGS).as_posix(), path.stat()
        state = [stat.st_size, stat.st_mtime_ns]
        if known.get(name, {}).get("state") != state:
            if time.monotonic() > until:
                left += 1
                continue
            (found,) = report_on([path], kind_of=_kind_of).recordings
            known[name] = {"state": state, **_plain(found)}
        rows[name] = known[name]
    write_text(project.checked_path, json.dumps(rows))
    return left


def check_take(path: Path, kind: Kind) -> TakeReport:
    """Check one take, including whether it is of the kind `kind`.

    Raises:
        AudioError: the take cannot be read.
    """
    from myna.audio import io
    from myna.studio import takes

    audio, sample_rate = io.read(path)
    return takes.check_take(audio, sample_rate, kind)


def _kind_of(path: Path) -> Kind | None:
    """Return the kind of a take recorded on the page, read from its folder's name; None for any other recording."""
    from myna.studio.take_report import Kind

    kinds: tuple[Kind, ...] = get_args(Kind)
    return next((kind for kind in kinds if path.parent.name == kind), None)


def _plain(found: CheckedRecording) -> dict[str, Any]:
    report = found.report
    if report is None:
        return {"error": found.error, "problems": [], "serious": True, "clips": 0, "seconds": 0.0, "kind": None}
    return {
        "error": None,
        "problems": [[problem.key, dict(problem.numbers)] for problem in report.problems],
        "serious": not report.good,
        "clips": found.clips,
        "seconds": report.seconds,
        "kind": report.kind,
    }
