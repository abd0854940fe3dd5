"""The terminal's long work is in the list of jobs of the workspace that it belongs to."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

import processes
from myna.apps.cli import main
from myna.apps.cli.job import listed_job
from myna.errors import AudioError
from myna.studio.job_list import JobList, JobState, ListedJob, Place
from myna.studio.workspace import Workspace


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Project folder of a workspace with a list of jobs; it is the working folder."""
    workspace = Workspace(tmp_path / "studio")
    workspace.create()
    JobList(workspace).close()
    folder = workspace.training / "anna"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def jobs(project: Path) -> list[ListedJob]:
    listed = JobList(Workspace(project.parents[1]))
    found = listed.all()
    listed.close()
    return found


def record(path: str, seconds: float = 1.0) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    t = np.arange(round(seconds * 22050)) / 22050
    soundfile.write(path, sum(0.1 * np.sin(2 * np.pi * 150 * k * t) / k for k in range(1, 9)), 22050)


def svc(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(arguments))
    return int(left.value.code or 0)


def test_work_in_a_workspace_is_listed_with_its_project(project: Path) -> None:
    record("dataset_raw/anna/a.wav")
    assert svc("pre-resample", "-n", "1") == 0
    (job,) = jobs(project)
    assert (job.kind, job.title, job.place, job.state) == ("prepare", "svc pre-resample", Place.TERMINAL, JobState.DONE)
    assert job.about["project"] == "anna" and job.seconds > 0


def test_files_in_a_workspace_are_enough(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    record("a.wav")
    Path("b.wav").write_text("no sound")
    output = project.parents[1] / "sung"
    assert svc("infer", "a.wav", "b.wav", "-m", "joe", "-o", str(output), "-fm", "dio", "-d", "cpu") == 4
    (job,) = jobs(project)
    assert (job.kind, job.title, job.about["voice"]) == ("convert", "svc infer 2 recordings", "joe")
    listed = JobList(Workspace(project.parents[1]))
    assert any("b.wav is text" in text for _, text in listed.log(job.id))
    listed.close()


def test_progress_and_failures_are_in_the_list(project: Path) -> None:
    with pytest.raises(AudioError), listed_job("convert", "svc infer a.wav") as job:
        for _ in job.progress(range(4), title="converting"):
            assert jobs(project)[0].stage == "converting"
        raise AudioError("a.wav is text")
    (found,) = jobs(project)
    assert (found.state, found.error, found.fraction) == (JobState.FAILED, "a.wav is text", 0.0)


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), SystemExit(143)])
def test_work_that_is_stopped_is_cancelled(project: Path, ending: BaseException) -> None:
    with pytest.raises(type(ending)), listed_job("train", "svc train (anna)"):
        raise ending
    assert jobs(project)[0].state == JobState.CANCELLED


def test_work_whose_process_is_killed_is_gone(project: Path) -> None:
    script = """
import time
from myna.apps.cli.job import listed_job
with listed_job("train", "svc train (anna)"):
    print("running", flush=True)
    time.sleep(60)
"""
    with processes.started([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline()
        assert jobs(project)[0].state == JobState.RUNNING
        process.kill()
        process.wait()
    assert jobs(project)[0].state == JobState.GONE


def test_work_elsewhere_is_not_listed_and_creates_no_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    started = time.perf_counter()
    with listed_job("convert", "svc infer a.wav", [tmp_path / "a.wav"]) as job:
        assert list(job.progress(range(3), title="converting")) == [0, 1, 2]
        job.note("done")
    assert time.perf_counter() - started < 1
    assert list(tmp_path.iterdir()) == []


def test_a_list_that_cannot_be_written_does_not_end_the_work(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    database = project.parents[1] / "jobs" / "jobs.sqlite"
    with listed_job("convert", "svc infer a.wav") as job:
        with sqlite3.connect(database) as connection:
            connection.execute("DROP TABLE lines")
        connection.close()
        job.note("one")
        job.note("two")
    assert caplog.text.count("the list of jobs cannot be written") == 1
    for path in database.parent.glob("jobs.sqlite*"):
        path.unlink()
    database.write_text("no database at all, but text of some length")
    with listed_job("convert", "svc infer a.wav") as job:
        job.note("three")
    assert "file is not a database" in caplog.text
    database.unlink()
    JobList(Workspace(project.parents[1])).close()
    caplog.clear()
    with pytest.raises(AudioError), listed_job("convert", "svc infer a.wav"):
        database.write_text("no database at all, but text of some length")
        raise AudioError("a.wav is text")
    assert caplog.text.count("file is not a database") == 1
