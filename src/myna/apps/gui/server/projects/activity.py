"""Work on a voice in training: jobs in the list of the workspace, and the work of other processes in its folder."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from myna.apps.gui.server.context import JobView
from myna.errors import BusyError
from myna.layout import CLIPS
from myna.storage.lock import Owner, owner
from myna.studio.job_list import JobState, Place
from myna.studio.project import Project
from myna.studio.steps import Activity, Course, Step

# Kind of job for each step. A comparison or a packing only reads files that training has finished.
KINDS: Mapping[Step, str] = MappingProxyType(
    {Step.PREPARE: "prepare", Step.TRAIN: "train", Step.COMPARE: "compare", Step.PACK: "pack_checkpoint"}
)
_COURSES = {
    JobState.WAITING: Course.WAITING,
    JobState.RUNNING: Course.RUNNING,
    JobState.STOPPING: Course.RUNNING,
    JobState.FAILED: Course.FAILED,
    JobState.INTERRUPTED: Course.INTERRUPTED,
    JobState.GONE: Course.INTERRUPTED,
}


def activities(project: Project, jobs: Sequence[JobView]) -> dict[Step, Activity]:
    """Return the latest activity of each step of a project.

    Args:
        project: the voice in training.
        jobs: all jobs of the list, newest first.
    """
    found = {}
    for step in KINDS:
        job = last_job(project, jobs, step)
        if job is not None:
            found[step] = _activity(job, jobs)
    active = [found[step] for step in (Step.PREPARE, Step.TRAIN) if step in found and found[step].active]
    if not any(one.elsewhere is None for one in active):
        for step, one in work_elsewhere(project).items():
            known = found.get(step)
            number = known.job if known is not None and known.active else None
            found[step] = Activity(Course.RUNNING, number, elsewhere=one)
    return found


def last_job(project: Project, jobs: Sequence[JobView], step: Step) -> JobView | None:
    """Return the latest job of a step of a project; None if there is none."""
    mine = (job for job in jobs if job.kind == KINDS[step] and job.about.get("project") == project.name)
    return next(mine, None)


def active_job(project: Project, jobs: Sequence[JobView], step: Step) -> JobView | None:
    """Return the waiting or running job of a step of a project; None if there is none."""
    job = last_job(project, jobs, step)
    return job if job is not None and not job.state.over else None


def work_elsewhere(project: Project) -> dict[Step, str]:
    """Return a phrase that names the process which prepares or trains a project, found by the locks on its folders."""
    training = owner(project.logs)
    if training is not None:
        return {Step.TRAIN: _phrase(training)}
    preparing = owner(project.folder) or owner(project.folder / CLIPS)
    return {Step.PREPARE: _phrase(preparing)} if preparing is not None else {}


def check_free(project: Project) -> None:
    """Raise `BusyError` if a process prepares or trains a project."""
    for process in work_elsewhere(project).values():
        raise BusyError(f"{project.name} is in use by {process}: wait until it ends, or stop it")


def _phrase(process: Owner) -> str:
    """Return a phrase that names a process: its program, its number and, if it is not this one, its computer."""
    host = "" if process.host == socket.gethostname() else f", {process.host}"
    return f"{process.program} (process {process.pid}{host})"


def _activity(job: JobView, jobs: Sequence[JobView]) -> Activity:
    began_at = datetime.fromisoformat(job.created_at).timestamp()
    course = _COURSES.get(job.state, Course.ENDED)
    elsewhere = job.title if job.where is Place.TERMINAL and not job.state.over else None
    ahead = None
    if course is Course.WAITING:
        before = [one for one in jobs if one.kind in KINDS.values() and not one.state.over and one.id < job.id]
        ahead = before[-1].title if before else None
    return Activity(course, job.id, job.error, elsewhere, ahead, began_at)
