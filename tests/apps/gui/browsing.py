"""An open studio in its own process, and its page as a person sees it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

import processes
from myna.assets import BUNDLED_VOICES

SONG = BUNDLED_VOICES / "song.flac"


@dataclass
class OpenStudio:
    """`svcg` in a process of its own."""

    folder: Path
    url: str
    process: subprocess.Popen[str]

    def close(self) -> str:
        """End it as Ctrl-C does and return its output; do nothing if it has ended."""
        if self.process.stdout is None or self.process.stdout.closed:
            return ""
        try:
            self.process.send_signal(signal.SIGINT)
            return str(self.process.communicate(timeout=90)[0])
        finally:
            processes.end(self.process)


def open_studio(folder: Path, *arguments: str) -> OpenStudio:
    # Dead proxies, so that any use of the network fails.
    nowhere = {f"{kind}_proxy": "http://127.0.0.1:9" for kind in ("http", "https", "all")} | {"no_proxy": "127.0.0.1"}
    process = processes.start(
        [sys.executable, "-m", "myna", "gui", "--no-browser", "--folder", str(folder), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | nowhere,
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if found := re.search(r"is open: (http://\S+)", line):
            return OpenStudio(folder, found[1], process)
    processes.end(process)
    raise AssertionError("".join(lines))


class Page:
    """A page of the studio in Chromium."""

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self.driver, self._url = driver, url

    def open(self, query: str = "") -> None:
        self.driver.get(f"{self._url}{query}")
        self.wait(lambda: self.find("#sing").is_displayed())

    def tab(self, name: str) -> None:
        """Open the tab with a title."""
        self._press("button[role=tab]", lambda text: text == name)

    def unfold(self, title: str) -> None:
        """Open the section whose title begins with `title`."""
        self._press("button.label-wrap", lambda text: text.startswith(title))

    def _press(self, selector: str, named: Callable[[str], bool]) -> None:
        """Click the button whose text fits, once it has been drawn and has a text."""

        def found() -> WebElement:
            (button,) = [one for one in self.driver.find_elements(By.CSS_SELECTOR, selector) if named(one.text)]
            return button

        button = self.wait(found)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
        button.click()

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        found = self.driver.find_elements(By.CSS_SELECTOR, selector)
        return found[0].text if found else ""

    def click(self, selector: str) -> None:
        element = self.wait(lambda: self.find(selector))
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def choose(self, selector: str, text: str) -> None:
        """Select the entry of a dropdown that contains `text`."""
        self.click(f"{selector} input")
        options = f"{selector} [role=option], [role=listbox] [role=option]"
        found = self.wait(
            lambda: [
                one for one in self.driver.find_elements(By.CSS_SELECTOR, options) if text in one.text.splitlines()[-1]
            ]
        )
        found[0].click()

    def send(self, selector: str, *paths: Path) -> None:
        """Upload files through the drop area `selector`."""
        self.wait(lambda: self.find(f"{selector} input[type=file]")).send_keys("\n".join(map(str, paths)))
        for path in paths:
            self.wait(lambda path=path: path.stem[:12] in self.text(selector))

    def wait(self, condition: Callable[[], Any], seconds: float = 60) -> Any:
        """Wait for `condition` and return its value; an exception counts as false."""
        until, last = time.monotonic() + seconds, None
        while time.monotonic() < until:
            try:
                if last := condition():
                    return last
            except Exception as error:
                last = error
            time.sleep(0.1)
        raise AssertionError(f"not within {seconds} s; last: {last!r}; the page says: {self.text('body')[-2000:]}")

    def addresses(self) -> list[str]:
        """URLs that the page has requested."""
        found = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                found.append(message["params"]["request"]["url"])
        return found

    def errors(self) -> list[str]:
        """Errors in the browser's log."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]
