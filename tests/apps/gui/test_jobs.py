"""Jobs run in order, one at a time per lane, can be stopped, and never end the page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from job_tasks import Die, Double, Err, FillDisk, Ignore, ProcessNumber, Refuse, Wait, load_long

from myna.apps.gui import jobs as jobs_module
from myna.apps.gui.jobs import Job, Jobs, JobState, Task
from myna.errors import MynaError

Result = TypeVar("Result")


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Jobs]:
    opened = Jobs(["one", "two"])
    yield opened
    opened.close()


def submit(jobs: Jobs, task: Task[Result], lane: str = "one") -> Job[Result]:
    return jobs.submit(lane, task, type(task).__name__)


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_job_has_progress_and_a_result(jobs: Jobs) -> None:
    job = submit(jobs, Double(4))
    assert job.ended.wait(60)
    assert (job.state, job.result, job.facts, list(job.notes)) == (JobState.DONE, 8, {"half": 4}, ["easy"])
    assert job.stage == "doubling"


def test_a_lane_does_one_job_after_the_other_in_one_process_and_lanes_work_side_by_side(
    jobs: Jobs, tmp_path: Path
) -> None:
    waiting = submit(jobs, Wait(tmp_path / "begun", tmp_path / "saved"))
    behind = submit(jobs, ProcessNumber())
    beside = submit(jobs, ProcessNumber(), lane="two")
    assert beside.ended.wait(60)
    until((tmp_path / "begun").exists)
    assert (waiting.state, behind.state) == (JobState.RUNNING, JobState.WAITING)
    jobs.cancel(waiting)
    assert behind.ended.wait(60) and (tmp_path / "saved").exists()
    assert waiting.state is JobState.CANCELLED
    assert jobs.call("one", ProcessNumber()) == behind.result != beside.result


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (Refuse(), "song.wav is no sound"),
        (FillDisk(), "cannot write song.wav: No space left on device"),
        (Err(), "RuntimeError: unexpected (a defect: please report it)"),
        (Die(), "its process ended with code 3"),
    ],
)
def test_a_failure_has_a_reason_and_the_next_job_runs(jobs: Jobs, task: Task[None], reason: str) -> None:
    job = submit(jobs, task)
    assert job.ended.wait(60) and job.state is JobState.FAILED
    assert job.error is not None and reason in job.error
    with pytest.raises(MynaError):
        jobs.call("one", task)
    assert jobs.call("one", Double(1)) == 2


def test_a_waiting_job_is_cancelled(jobs: Jobs, tmp_path: Path) -> None:
    first = submit(jobs, Wait(tmp_path / "begun", tmp_path / "saved"))
    second = submit(jobs, Double(1))
    jobs.cancel(second)
    assert second.state is JobState.CANCELLED and second.ended.is_set()
    jobs.cancel(first)
    assert first.ended.wait(60)


def test_a_second_request_ends_a_job_at_once(jobs: Jobs, tmp_path: Path) -> None:
    job = submit(jobs, Ignore(tmp_path / "begun"))
    until((tmp_path / "begun").exists)
    jobs.cancel(job)
    assert not job.ended.wait(0.5)
    jobs.cancel(job)
    assert job.ended.wait(10) and job.state is JobState.CANCELLED
    assert jobs.call("one", Double(2)) == 4


def test_closing_stops_a_job_and_lets_it_save(tmp_path: Path) -> None:
    jobs = Jobs(["one"])
    job = submit(jobs, Wait(tmp_path / "begun", tmp_path / "saved"))
    until((tmp_path / "begun").exists)
    jobs.close()
    assert job.state is JobState.CANCELLED and (tmp_path / "saved").exists()
    assert submit(jobs, Double(1)).state is JobState.CANCELLED


def test_closing_does_not_wait_for_the_libraries_of_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_module, "_work", load_long)
    jobs = Jobs(["one", "two"])
    jobs.warm("one")
    job = submit(jobs, Double(1), lane="two")
    until(lambda: job.state is JobState.RUNNING)
    started = time.monotonic()
    jobs.close()
    assert time.monotonic() - started < 50 and job.state is JobState.CANCELLED
