"""States of the steps of a project, from its files and its latest jobs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from myna.config import Config
from myna.layout import CLIPS, FILELISTS
from myna.studio import project as projects
from myna.studio.project import Project, RecordName
from myna.studio.runs import Outcome, Run, fingerprint, last_run, recorded, write_run
from myna.studio.schedule import LENGTHS, Length, TimedRun
from myna.studio.steps import Activity, Checks, Course, Reason, Step, StepState, step_states
from myna.studio.workspace import Workspace

LONG_AGO = 1_000_000_000


@pytest.fixture
def project(tmp_path: Path) -> Project:
    workspace = Workspace(tmp_path)
    workspace.create()
    return projects.create(workspace, "Anna")


def touch(path: Path, text: str = "", at: int = LONG_AGO) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    os.utime(path, (at, at))
    return path


def add_recording(project: Project, name: str, at: int = LONG_AGO) -> None:
    path = touch(project.recordings / name, at=at)
    for folder in (path.parent, path.parent.parent):
        os.utime(folder, (at, at))


def prepare(project: Project, clips: int = 4, at: int = LONG_AGO + 10) -> None:
    listed = [f"{CLIPS.as_posix()}/Anna/{index}.wav" for index in range(clips)]
    for clip in listed:
        touch(project.folder / clip, at=at)
        touch(project.folder / f"{clip}.features.safetensors", at=at)
    touch(project.folder / FILELISTS / "train.txt", "".join(f"{clip}\n" for clip in listed), at=at)
    Config.template("myna-lite").write(project.config)


def train(project: Project, number: int, at: int) -> None:
    touch(project.logs / f"G_{number}.pth", at=at)
    training_list = project.folder / FILELISTS / "train.txt"
    write_run(project.last_training_path, Run(Outcome.DONE, at, facts={"clips": fingerprint(training_list)}))


def states(project: Project, activities: Mapping[Step, Activity] | None = None) -> list[str]:
    return [str(one.state) for one in step_states(project.status(), activities or {}).values()]


def test_each_event_changes_the_states_of_the_later_steps(project: Project) -> None:
    assert states(project) == ["todo", "blocked", "blocked", "blocked", "blocked"]
    add_recording(project, "one.wav")
    assert states(project) == ["done", "todo", "blocked", "blocked", "blocked"]
    prepare(project)
    assert states(project) == ["done", "done", "todo", "blocked", "blocked"]
    train(project, 250, LONG_AGO + 20)
    assert states(project) == ["done", "done", "done", "blocked", "todo"]
    train(project, 500, LONG_AGO + 30)
    assert states(project) == ["done", "done", "done", "todo", "todo"]

    # Compared and packed.
    track = touch(project.folder / "compared" / "1" / "250.wav")
    comparison = {"comparison": {"tracks": [{"path": str(track)}]}, "numbers": [250, 500]}
    touch(project.comparison_path, json.dumps(comparison), LONG_AGO + 40)
    packed = touch(project.folder.parent / "Anna.safetensors", at=LONG_AGO + 40)
    project.remember(RecordName.PACKED, {"path": str(packed), "number": 500})
    assert states(project) == ["done"] * 5

    # A recording is added, and its clip; every later step is out of date in turn.
    add_recording(project, "two.wav", LONG_AGO + 50)
    assert states(project) == ["done", "stale", "done", "done", "done"]
    prepare(project, clips=5, at=LONG_AGO + 60)
    assert states(project) == ["done", "done", "stale", "done", "done"]
    train(project, 750, LONG_AGO + 70)
    assert states(project) == ["done", "done", "done", "stale", "stale"]


def test_fewer_clips_are_a_change_and_the_same_clips_are_none(project: Project) -> None:
    add_recording(project, "one.wav")
    prepare(project, clips=4)
    train(project, 250, LONG_AGO + 20)
    training_list = project.folder / FILELISTS / "train.txt"
    touch(training_list, training_list.read_text("utf-8"), LONG_AGO + 30)
    assert states(project)[2] == "done"
    touch(training_list, f"{CLIPS.as_posix()}/Anna/0.wav\n", LONG_AGO + 30)
    assert states(project)[2] == "stale"
    touch(project.logs / "G_500.pth", at=LONG_AGO + 40)  # by a program that leaves no record
    assert states(project)[2] == "done"


def test_a_failure_is_shown_with_its_reason_until_the_step_succeeds(project: Project) -> None:
    add_recording(project, "one.wav")
    write_run(project.last_preparation_path, Run(Outcome.FAILED, error="the disk is full"))
    found = step_states(project.status(), {})[Step.PREPARE]
    assert (found.state, found.reason) == (StepState.FAILED, Reason("error", {"error": "the disk is full"}))
    prepare(project)
    write_run(project.last_preparation_path, Run(Outcome.DONE))
    assert states(project)[1] == "done"
    project.logs.mkdir(parents=True)
    write_run(project.last_training_path, Run(Outcome.FAILED, LONG_AGO + 20, error="diverged"))
    assert states(project)[2] == "failed"
    touch(project.logs / "G_250.pth", at=LONG_AGO + 30)  # a later training, by a program that leaves no record
    assert states(project)[2] == "done"


def test_a_killed_training_continues_from_its_last_checkpoint(project: Project) -> None:
    add_recording(project, "one.wav")
    prepare(project)
    project.logs.mkdir(parents=True)
    write_run(project.last_training_path, Run(Outcome.RUNNING, LONG_AGO + 20))
    assert step_states(project.status(), {})[Step.TRAIN].reason == Reason("interrupted")
    touch(project.logs / "G_250.pth", at=LONG_AGO + 30)
    found = step_states(project.status(), {})[Step.TRAIN]
    assert (found.state, found.reason) == (StepState.FAILED, Reason("interrupted_step", {"number": 250}))
    elsewhere = {Step.TRAIN: Activity(Course.RUNNING, elsewhere="svc train (process 7)")}
    found = step_states(project.status(), elsewhere)[Step.TRAIN]
    assert (found.state, found.reason) == (StepState.RUNNING, Reason("elsewhere", {"where": "svc train (process 7)"}))


def test_preparation_and_training_wait_for_each_other(project: Project) -> None:
    add_recording(project, "one.wav")
    prepare(project)
    assert states(project, {Step.TRAIN: Activity(Course.RUNNING, 3)})[1:3] == ["blocked", "running"]
    assert states(project, {Step.PREPARE: Activity(Course.WAITING, 3)})[1:3] == ["running", "blocked"]
    found = step_states(project.status(), {Step.TRAIN: Activity(Course.WAITING, 3, ahead="Boris: Train")})
    assert found[Step.TRAIN].reason == Reason("waiting", {"title": "Boris: Train"}) and found[Step.TRAIN].job == 3


def test_recordings_are_counted_by_their_checks(project: Project) -> None:
    add_recording(project, "one.wav")
    for checks, state, reason in (
        (Checks(waiting=1, total=1), StepState.DONE, Reason("checking", {"count": 1})),
        (Checks(unusable=1, total=1), StepState.FAILED, Reason("all_unusable")),
        (Checks(unusable=1, total=2), StepState.DONE, Reason("unusable", {"count": 1})),
        (Checks(total=2), StepState.DONE, None),
    ):
        found = step_states(project.status(), {}, checks)[Step.RECORDINGS]
        assert (found.state, found.reason) == (state, reason)


def test_a_configuration_that_cannot_be_read_is_the_reason(project: Project) -> None:
    add_recording(project, "one.wav")
    prepare(project)
    project.config.write_text("{", "utf-8")
    found = step_states(project.status(), {})[Step.PREPARE]
    assert found.state is StepState.FAILED and found.reason is not None and "JSON" in found.reason.values["error"]


def test_a_run_is_recorded_also_when_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    assert last_run(path) is None
    with recorded(path, {"clips": "x"}):
        assert (run := last_run(path)) is not None and run.outcome is Outcome.RUNNING
    assert (run := last_run(path)) is not None and (run.outcome, run.facts) == (Outcome.DONE, {"clips": "x"})
    for error, outcome in ((OSError(28, "No space left on device"), Outcome.FAILED), (KeyboardInterrupt(), "stopped")):
        with pytest.raises(type(error)), recorded(path):
            raise error
        assert (run := last_run(path)) is not None and run.outcome == outcome
    path.write_text('{"outcome": "odd"}')
    assert last_run(path) is None


def test_a_timed_run_leaves_checkpoints_to_compare() -> None:
    assert {name: (run.minutes, run.checkpoints) for name, run in LENGTHS.items()} == {
        Length.QUICK: (5, 3),
        Length.HALF_HOUR: (30, 5),
        Length.OVERNIGHT: (480, 8),
    }
    assert TimedRun.of(0.1).save_minutes == 0.1
