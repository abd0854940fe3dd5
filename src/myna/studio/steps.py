"""States of the steps from recordings to a packed voice, derived from a project's files and from its latest jobs.

found = step_states(project.status(), {Step.TRAIN: Activity(Course.FAILED, error="the disk is full")})
found[Step.TRAIN]  # StepStatus(state=StepState.FAILED, reason=Reason("error", {"error": "the disk is full"}))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from myna.studio.project import ProjectStatus
from myna.studio.runs import Outcome, Run

FEWEST_COMPARED, MOST_COMPARED = 2, 8  # limits on the number of compared checkpoints; the player has one more track
_CLOCK_SECONDS = 2.0  # a recorded run up to this much older than a job counts as the run of that job


class Step(StrEnum):
    """Steps from recordings to a packed voice, in order."""

    RECORDINGS = "recordings"
    PREPARE = "prepare"
    TRAIN = "train"
    COMPARE = "compare"
    PACK = "pack"


class StepState(StrEnum):
    TODO = "todo"
    DONE = "done"
    STALE = "stale"  # done, but an earlier step has changed since then
    FAILED = "failed"
    RUNNING = "running"
    BLOCKED = "blocked"  # an earlier step must be done first


class Course(StrEnum):
    """State of the latest job of a step."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"  # finished, or cancelled by the user
    FAILED = "failed"
    INTERRUPTED = "interrupted"  # the process ended before the job


@dataclass(frozen=True)
class Activity:
    """Latest job of a step: a job of this studio, or work of another process in the same folder."""

    course: Course
    job: int | None = None  # None for the work of another process
    error: str | None = None
    elsewhere: str | None = None  # phrase that names the other process
    ahead: str | None = None  # title of the job before a waiting job
    began_at: float = 0.0  # time at which the job was queued, in seconds since the epoch

    @property
    def active(self) -> bool:
        return self.course in (Course.WAITING, Course.RUNNING)


@dataclass(frozen=True)
class Reason:
    """Text that explains a state: `key` names it, and `values` fill its placeholders."""

    key: str
    values: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class StepStatus:
    """State of a step, with the reason for the state and the job that works on the step."""

    state: StepState
    reason: Reason | None = None
    job: int | None = None


@dataclass(frozen=True)
class Checks:
    """Numbers of recordings by the outcome of their check."""

    waiting: int = 0  # not checked yet
    unusable: int = 0  # with a serious problem or unreadable
    total: int = 0


def step_states(
    status: ProjectStatus, activities: Mapping[Step, Activity], checks: Checks | None = None
) -> dict[Step, StepStatus]:
    """Return the state of each step.

    Args:
        status: snapshot of the project's files.
        activities: latest job of each step that has had one.
        checks: outcome of the checks of the recordings.
    """
    found = {Step.RECORDINGS: _recordings(status, checks or Checks(total=len(status.recordings)))}
    made = status.made_at
    for step, settled, made_at, run in (
        (Step.PREPARE, _prepare(status), made.prepared, status.last_preparation),
        (Step.TRAIN, _train(status), made.trained, status.last_training),
        (Step.COMPARE, _compare(status), made.compared, None),
        (Step.PACK, _pack(status), made.packed, None),
    ):
        interrupted = _interrupted(status) if step is Step.TRAIN else Reason("interrupted")
        recorded = _after(run, settled, interrupted)
        activity = activities.get(step)
        known_at = max(made_at, run.at + _CLOCK_SECONDS if run is not None else 0.0)
        if activity is None or (not activity.active and known_at > activity.began_at):
            found[step] = recorded  # the files are newer than the job
        else:
            found[step] = _with_activity(recorded, activity, interrupted)
    preparing, training = found[Step.PREPARE], found[Step.TRAIN]
    # Training reads the clips that preparation writes, so preparation and training wait for each other.
    if preparing.state is StepState.RUNNING and training.state is not StepState.RUNNING:
        found[Step.TRAIN] = StepStatus(StepState.BLOCKED, Reason("preparing"))
    elif training.state is StepState.RUNNING and preparing.state is not StepState.RUNNING:
        found[Step.PREPARE] = StepStatus(StepState.BLOCKED, Reason("training"))
    return found


def _after(run: Run | None, settled: StepStatus, interrupted: Reason) -> StepStatus:
    """Return the state after the last recorded run of the page or a terminal, if no process is running now."""
    if run is None or settled.state is StepState.BLOCKED:
        return settled
    if run.outcome is Outcome.FAILED:
        return StepStatus(StepState.FAILED, Reason("error", {"error": run.error or ""}))
    if run.outcome is Outcome.RUNNING:
        return StepStatus(StepState.FAILED, interrupted)
    return settled


def _with_activity(settled: StepStatus, activity: Activity, interrupted: Reason) -> StepStatus:
    if activity.active and activity.elsewhere is not None:
        return StepStatus(StepState.RUNNING, Reason("elsewhere", {"where": activity.elsewhere}), activity.job)
    if activity.active:
        ahead = Reason("waiting", {"title": activity.ahead}) if activity.ahead is not None else None
        return StepStatus(StepState.RUNNING, ahead, activity.job)
    if settled.state is StepState.BLOCKED:
        return settled
    if activity.course is Course.FAILED:
        return StepStatus(StepState.FAILED, Reason("error", {"error": activity.error or ""}), activity.job)
    if activity.course is Course.INTERRUPTED:
        return StepStatus(StepState.FAILED, interrupted, activity.job)
    return settled


def _interrupted(status: ProjectStatus) -> Reason:
    if not status.checkpoints:
        return Reason("interrupted")
    return Reason(f"interrupted_{status.unit}", {"number": status.checkpoints[-1].number})


def _recordings(status: ProjectStatus, checks: Checks) -> StepStatus:
    if not status.recordings:
        return StepStatus(StepState.TODO, Reason("no_recordings"))
    if checks.waiting:
        return StepStatus(StepState.DONE, Reason("checking", {"count": checks.waiting}))
    if checks.total and checks.unusable == checks.total:
        return StepStatus(StepState.FAILED, Reason("all_unusable"))
    return StepStatus(StepState.DONE, Reason("unusable", {"count": checks.unusable}) if checks.unusable else None)


def _prepare(status: ProjectStatus) -> StepStatus:
    if status.problem is not None:
        return StepStatus(StepState.FAILED, Reason("error", {"error": status.problem}))
    if not status.recordings and not status.prepared:
        return StepStatus(StepState.BLOCKED, Reason("record_first"))
    if not status.prepared:
        return StepStatus(StepState.TODO)
    if status.changed:
        return StepStatus(StepState.STALE, Reason("recordings_changed"))
    return StepStatus(StepState.DONE, Reason("clips", {"count": status.n_clips}))


def _train(status: ProjectStatus) -> StepStatus:
    if not status.prepared:
        return StepStatus(StepState.BLOCKED, Reason("prepare_first"))
    if not status.checkpoints:
        return StepStatus(StepState.TODO)
    if status.new_clips:
        return StepStatus(StepState.STALE, Reason("clips_changed"))
    return StepStatus(StepState.DONE, Reason(f"trained_{status.unit}", {"number": status.checkpoints[-1].number}))


def _compare(status: ProjectStatus) -> StepStatus:
    if len(status.checkpoints) < FEWEST_COMPARED:
        return StepStatus(StepState.BLOCKED, Reason("too_few_checkpoints", {"fewest": FEWEST_COMPARED}))
    if status.compared is None:
        return StepStatus(StepState.TODO)
    if status.compared.outdated:
        return StepStatus(StepState.STALE, Reason("newer_checkpoint"))
    return StepStatus(StepState.DONE)


def _pack(status: ProjectStatus) -> StepStatus:
    if not status.checkpoints:
        return StepStatus(StepState.BLOCKED, Reason("train_first"))
    if status.packed is None:
        return StepStatus(StepState.TODO)
    name = status.packed.path.stem
    if status.packed.outdated:
        return StepStatus(StepState.STALE, Reason("newer_than_packed", {"name": name}))
    return StepStatus(StepState.DONE, Reason("packed", {"name": name}))
