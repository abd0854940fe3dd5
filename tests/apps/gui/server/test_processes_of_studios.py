"""Studios as processes of their own: one is killed while it works, two share a folder."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
import numpy as np
import pytest
import soundfile
from training_client import RECORDINGS, SETTINGS, shrink, wait

import processes
from myna.assets import BUNDLED_VOICES
from myna.studio.project import Project

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform == "win32", reason="process groups of POSIX"),
]


@dataclass(frozen=True)
class Studio:
    """A studio in a process of its own."""

    process: subprocess.Popen[str]
    http: httpx.Client

    def ask(self, method: str, path: str, status: int = 200, **options: Any) -> Any:
        answer = self.http.request(method, path, **options)
        assert answer.status_code == status, answer.text
        return answer.json() if "json" in answer.headers.get("content-type", "") else answer.content

    def upload(self, path: Path) -> str:
        return str(self.ask("POST", "uploads", params={"name": path.name}, content=path.read_bytes())["id"])

    def convert(self, upload: str) -> int:
        return int(self.ask("POST", "convert", 202, json={"upload": upload, "voice": "joe"})["id"])

    def job(self, number: int) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", f"jobs/{number}")
        return found

    def done(self, number: int) -> dict[str, Any]:
        job = wait(lambda: (one := self.job(number))["state"] not in ("waiting", "running", "stopping") and one, 300)
        assert job["state"] == "done", job
        return job


@contextmanager
def studio(folder: Path) -> Iterator[Studio]:
    """`svcg` in a process group of its own."""
    command = [sys.executable, "-m", "myna", "gui", "--no-browser", "--folder", str(folder)]
    with processes.started(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        found = re.search(r"is open: (http://\S+)", process.stdout.readline())
        assert found
        with httpx.Client(base_url=f"{found[1]}api/v1", timeout=60) as http:
            yield Studio(process, http)


def is_empty(group: int) -> bool:
    """Return whether no process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_killed_studio_leaves_its_files_and_no_process_and_its_job_can_be_tried_again(tmp_path: Path) -> None:
    song = BUNDLED_VOICES / "song.flac"
    audio, rate = soundfile.read(song)
    soundfile.write(tmp_path / "long.flac", np.tile(audio, 6), rate)
    with studio(tmp_path / "studio") as first:
        result = first.done(first.convert(first.upload(song)))["about"]["result"]
        sung = first.ask("GET", f"results/{result}/audio")
        long = first.upload(tmp_path / "long.flac")
        number = first.convert(long)
        wait(lambda: first.job(number)["fraction"])
        first.process.send_signal(signal.SIGKILL)
        first.process.wait(30)
        wait(lambda: is_empty(first.process.pid), 30)
    with studio(tmp_path / "studio") as second:
        job = second.job(number)
        assert (job["state"], job["can"]) == ("interrupted", ["retry", "remove"])
        assert second.ask("GET", f"results/{result}/audio") == sung
        assert second.ask("GET", f"uploads/{long}/audio") == (tmp_path / "long.flac").read_bytes()
        assert [one["number"] for one in second.ask("GET", "results")] == [result]
        again = second.done(second.ask("POST", f"jobs/{number}/retry")["id"])
        assert [one["number"] for one in second.ask("GET", "results")] == [again["about"]["result"], result]
        assert [one["id"] for one in second.ask("GET", "jobs")] == [again["id"], number - 1]


def test_two_studios_in_one_folder_know_of_each_other(tmp_path: Path) -> None:
    about = {"name": "Linda"}
    with studio(tmp_path) as one, studio(tmp_path) as other:
        assert one.http.base_url != other.http.base_url
        one.ask("POST", "projects", json=about)
        uploads = [one.upload(path) for path in RECORDINGS[:3]]
        other.ask("POST", "project/recordings", params=about, json={"uploads": uploads})  # uploads are shared, too
        project = Project(tmp_path / "training" / "Linda")
        shrink(project)
        prepared = other.ask("POST", "project/prepare", params=about, json={"settings": SETTINGS})["id"]
        one.done(prepared)
        body = {"settings": {**SETTINGS, "epochs": 10_000}, "options": {"from_scratch": True}}
        training = one.ask("POST", "project/train", params=about, json=body)["id"]
        wait(lambda: project.checkpoints(), 300)
        seen = other.job(training)
        assert (seen["state"], seen["can"], seen["about"]["project"]) == ("running", [], "Linda")
        for path in ("project/train", "project/prepare"):
            message = other.ask("POST", path, 409, params=about, json={})["error"]["message"]
            assert re.fullmatch(r"Linda is in use by svc gui \(process \d+\): wait until it ends, or stop it", message)
            pid = int(re.findall(r"\d+", message)[0])
            assert os.getpgid(pid) == one.process.pid
        other.ask("DELETE", "project", 409, params=about)
        song = other.convert(other.upload(BUNDLED_VOICES / "song.flac"))  # another lane, and another process
        assert one.done(song)["about"]["result"] == one.ask("GET", "results")[0]["number"]
        assert one.ask("POST", f"jobs/{training}/cancel")["state"] == "stopping"
        wait(lambda: other.job(training)["state"] in ("done", "cancelled"))
        assert other.ask("GET", "project", params=about)["steps"]["train"]["state"] == "done"
