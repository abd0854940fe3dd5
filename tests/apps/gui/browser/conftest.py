"""Fixtures: a studio's server and its page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium import webdriver
from studio_page import Server, StudioPage, open_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    opened = open_server(tmp_path_factory.mktemp("studio"))
    yield opened
    opened.close()


@pytest.fixture
def page(driver: webdriver.Chrome, server: Server) -> StudioPage:
    return StudioPage(driver, server.url)
