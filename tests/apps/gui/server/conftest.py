"""Fixtures: an open studio, and a client that asks its application without a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from myna.apps.gui.guard import Addresses
from myna.apps.gui.server.app import create_app, open_studio
from myna.apps.gui.server.context import Studio


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    """An open studio in a new folder, with a cache of its own."""
    monkeypatch.setenv("MYNA_CACHE", str(tmp_path / "cache"))
    with open_studio(tmp_path / "studio") as studio:
        yield studio


@pytest.fixture
def client(opened: Studio) -> TestClient:
    """A client of the studio's application, with paths relative to /api/v1/."""
    app = create_app(opened, Addresses.of("127.0.0.1", 7860))
    return TestClient(app, base_url="http://127.0.0.1:7860/api/v1/", raise_server_exceptions=False)
