"""Local server with the part of the Hugging Face hub's protocol that downloads use."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

REVISION = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """Server of `files` by path below the host; `asked` records the requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str, str | None]] = []
        self.breaks_after: int | None = None  # bytes of the next answer
        self.stalls_after: int | None = None  # bytes of the next answer, whose rest is sent when `goes_on` is set
        self.goes_on = threading.Event()

    def give(
        self, repo: str, files: dict[str, bytes], *, hashes: dict[str, str] | None = None, revision: str = REVISION
    ) -> None:
        """Add a repository: its files at one revision, and their list, to which the main branch resolves."""
        stated = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()} | (hashes or {})
        siblings = [
            {"rfilename": name, "size": len(content), "lfs": {"sha256": stated[name], "size": 1, "pointerSize": 1}}
            for name, content in files.items()
        ]
        listing = {"id": repo, "sha": REVISION, "siblings": siblings}
        self.files[f"/api/models/{repo}/revision/main"] = json.dumps(listing).encode()
        self.files |= {f"/{repo}/resolve/{revision}/{name}": content for name, content in files.items()}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def answer(self, with_body: bool) -> None:
        asked_range = self.headers["Range"]
        self.server.asked.append((self.command, self.path, asked_range))
        body = self.server.files.get(self.path.split("?")[0])
        if body is None:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = int(re.match(r"bytes=(\d+)-", asked_range)[1]) if asked_range else 0
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", REVISION)
        self.send_header("Content-Length", str(len(body) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        if with_body:
            end, self.server.breaks_after = self.server.breaks_after, None
            stalls_after, self.server.stalls_after = self.server.stalls_after, None
            if stalls_after is not None:
                self.wfile.write(body[start : start + stalls_after])
                start += stalls_after
                self.server.goes_on.wait()
            with suppress(ConnectionError):
                self.wfile.write(body[start:end])

    def log_message(self, format: str, *arguments: object) -> None: ...


@contextmanager
def serving(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Start an empty hub and make the hub's library use it, with its cache in the folder `cache`."""
    from huggingface_hub import constants

    server = Hub()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    yield server
    server.goes_on.set()
    server.shutdown()
    server.server_close()
    thread.join()
