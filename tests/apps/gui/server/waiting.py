"""Helpers of the tests of routes: uploads, and jobs that are waited for."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

_SECONDS = 400.0  # a loaded machine may take minutes to start a worker


def upload(client: TestClient, path: Path, name: str | None = None) -> str:
    """Upload a file and return its id."""
    answer = client.post("uploads", params={"name": name or path.name}, content=path.read_bytes())
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def wait(client: TestClient, answer: Any) -> dict[str, Any]:
    """Wait for the end of the job in an answer and return it."""
    assert answer.status_code == 202, answer.text
    number, until = answer.json()["id"], time.monotonic() + _SECONDS
    while time.monotonic() < until:
        job: dict[str, Any] = client.get(f"jobs/{number}").json()
        if job["state"] not in ("waiting", "running", "stopping"):
            return job
        time.sleep(0.05)
    raise AssertionError(f"not done: {client.get(f'jobs/{number}').json()}")


def done(client: TestClient, answer: Any) -> dict[str, Any]:
    """Wait for the end of a job that succeeds and return it."""
    job = wait(client, answer)
    assert job["state"] == "done", job
    return job
