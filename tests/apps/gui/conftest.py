"""Fixtures: browsers that can reach this computer only, and worker processes that start at once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from selenium import webdriver
from warm_workers import warm_workers

# The browser resolves no other host than this computer.
_CUT_OFF = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--no-proxy-server",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    _CUT_OFF,
)
_CHROMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session", autouse=True)
def _warm_workers() -> Iterator[None]:
    with warm_workers():
        yield


@pytest.fixture(scope="module")
def chromium() -> Iterator[Callable[..., webdriver.Chrome]]:
    """Function that opens a browser; `make test` on Debian installs Chromium."""
    binary = next((path for name in _CHROMES if (path := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        assert "MYNA_BROWSER" not in os.environ, "install chromium and chromium-driver"
        pytest.skip("no Chromium with its driver on this machine")
    opened = []

    def start(
        *arguments: str, language: str = "en", size: str = "1280,1000", network: bool = False
    ) -> webdriver.Chrome:
        options = webdriver.ChromeOptions()
        options.binary_location = binary
        for argument in (*_FLAGS, f"--window-size={size}", f"--accept-lang={language}", *arguments):
            options.add_argument(argument)
        # A log of all events of the network and the page would slow every test.
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"} | ({"performance": "ALL"} if network else {}))
        opened.append(webdriver.Chrome(options=options, service=webdriver.ChromeService(driver)))
        return opened[-1]

    yield start
    for one in opened:
        one.quit()


@pytest.fixture(scope="module")
def driver(chromium: Callable[..., webdriver.Chrome]) -> webdriver.Chrome:
    return chromium()
