"""Requests to a studio's interface, to prepare what a page then shows."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from studio_page import Server


def ask(server: Server, method: str, path: str, body: Any = None, **params: Any) -> Any:
    """Send a request and return the JSON of its answer.

    Raises:
        urllib.error.HTTPError: the answer is an error.
    """
    query = urllib.parse.urlencode(params)
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
    url = f"{server.url}api/v1/{path}{'?' if query else ''}{query}"
    request = urllib.request.Request(url, data, {"Content-Type": kind}, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def send(server: Server, path: Path) -> str:
    """Upload a file and return its id."""
    return str(ask(server, "POST", "uploads", path.read_bytes(), name=path.name)["id"])


def wait_until(condition: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait for `condition` and return its value."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s")


def ended(server: Server, number: int, seconds: float = 120) -> dict[str, Any]:
    """Wait until a job has ended and return it."""

    def found() -> dict[str, Any] | None:
        job: dict[str, Any] = ask(server, "GET", f"jobs/{number}")
        return None if job["state"] in ("waiting", "running", "stopping") else job

    return dict(wait_until(found, seconds))
