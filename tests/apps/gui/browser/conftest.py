"""Fixtures: a studio's server and its page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium import webdriver
from studio_page import Server, StudioPage, open_server


@pytest.fixture(scope="session", autouse=True)
def _without_network() -> Iterator[None]:
    """Name proxies that do not exist, so that any use of the network fails."""
    with pytest.MonkeyPatch.context() as patch:
        for kind in ("http", "https", "all"):
            patch.setenv(f"{kind}_proxy", "http://127.0.0.1:9")
        patch.setenv("no_proxy", "127.0.0.1,localhost")
        yield


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    opened = open_server(tmp_path_factory.mktemp("studio"))
    yield opened
    opened.close()


@pytest.fixture
def page(driver: webdriver.Chrome, server: Server) -> StudioPage:
    return StudioPage(driver, server.url)
