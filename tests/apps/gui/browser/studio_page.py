"""An open studio, and its page as a person sees and uses it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

import processes
from myna.apps.gui.guard import Limits
from myna.apps.gui.server.app import open_studio, serve
from myna.assets import BUNDLED_VOICES

SONG = BUNDLED_VOICES / "song.flac"
AXE = Path(__file__).parents[4] / "node_modules" / "axe-core" / "axe.min.js"  # `npm ci` installs it
# As with Chromium itself: where the browser tests must run, axe must be there.
NEEDS_AXE = pytest.mark.skipif(
    not AXE.is_file() and "MYNA_BROWSER" not in os.environ, reason="`npm ci` installs axe-core"
)
DESKTOP, PHONE = (1280, 900), (390, 844)
_WATCH_SHIFTS = """
    window.shifted = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
    }).observe({type: "layout-shift", buffered: true});
"""
# Elements that may have an accessible name, apart from white space: it is made of texts and of these attributes.
_CANDIDATES = """
    const [selector, name] = arguments;
    const plain = (text) => text.replace(/\\s+/g, "");
    const texts = (element) => [element, ...element.querySelectorAll("*")].flatMap((one) => [
      one.getAttribute("aria-label"), one.getAttribute("title"), one.getAttribute("alt"),
    ]);
    return [...document.querySelectorAll(selector)].filter((one) => (
      one.hasAttribute("aria-labelledby") || plain([one.textContent, ...texts(one)].join("")).includes(plain(name))
    ));
"""


@dataclass(frozen=True)
class Server:
    """An open studio and its page."""

    folder: Path
    url: str
    close: Callable[[], None]


@dataclass(frozen=True)
class ServerProcess(Server):
    """A studio in a process of its own; `close` ends it as Ctrl-C does."""

    process: subprocess.Popen[str]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_of(server: Server) -> int:
    return int(server.url.rstrip("/").rpartition(":")[2])


def open_server(folder: Path, limits: Limits | None = None) -> Server:
    """Open a studio in this process, at a port of its own, which no test that runs beside this one takes."""
    with ExitStack() as opening:
        opening.enter_context(pytest.MonkeyPatch.context()).setenv("MYNA_CACHE", str(folder / "stages"))
        studio = opening.enter_context(open_studio(folder))
        served, url = serve(studio, port=free_port(), limits=limits)
        opening.callback(served.close)
        return Server(folder, url, opening.pop_all().close)


def start_server(folder: Path, *arguments: str, port: int | None = None) -> ServerProcess:
    """Start `svc gui`, for tests of what a restart, a lost connection, a password or the network does."""
    command = [sys.executable, "-m", "myna", "gui", "--no-browser", "--folder", str(folder)]
    process = processes.start(
        [*command, "--port", str(port or free_port()), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"MYNA_CACHE": str(folder / "stages")},
    )

    def close() -> None:
        try:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=90)
        finally:
            processes.end(process)

    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if found := re.search(r"is open: (http://\S+)", line):
            return ServerProcess(folder, found[1], close, process)
    processes.end(process)
    raise AssertionError("".join(lines))


class StudioPage:
    """The page in Chromium. Controls are found by their visible or spoken name."""

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self.driver, self.url = driver, url

    def open(self, place: str = "sing", size: tuple[int, int] = DESKTOP) -> None:
        """Open a place, for example "train", as a fresh visitor."""
        width, height = size
        # A window of Chromium is at least 500 pixels wide, so a phone has to be emulated.
        self._command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        self._command("Page.addScriptToEvaluateOnNewDocument", source=_WATCH_SHIFTS)
        self.driver.get(f"{self.url}static/icon.svg")  # of the same origin, and loaded sooner than the page
        self.driver.execute_script("sessionStorage.clear(); localStorage.clear()")
        self.driver.get(f"{self.url}#/{place}")
        self.wait(lambda: self.find("h1").is_displayed())

    def _command(self, name: str, **values: Any) -> None:
        self.driver.execute_cdp_cmd(name, values)

    # ---- Seeing

    def find(self, selector: str) -> WebElement:
        """Return the first visible element."""
        return next(one for one in self.driver.find_elements(By.CSS_SELECTOR, selector) if one.is_displayed())

    def text(self, selector: str = "body") -> str:
        """Return what a person reads in an element; "" if it is not there."""
        found = [one for one in self.driver.find_elements(By.CSS_SELECTOR, selector) if one.is_displayed()]
        return found[0].text if found else ""

    def button(self, name: str) -> WebElement:
        """Return the first visible button or link with a name."""
        # Only few elements have the name somewhere in them, and each further question to the browser takes time.
        candidates = self.driver.execute_script(_CANDIDATES, "button, a, summary, [role=button]", name)
        return next(one for one in candidates if one.is_displayed() and one.accessible_name.strip() == name)

    def main_button(self) -> WebElement:
        """Return the button of the bar at the bottom that does what the page is for."""
        return self.find(".action-bar .button.main")

    def in_sight(self, element: WebElement) -> bool:
        """Return whether an element lies in the window as a whole, and nothing covers its middle."""
        return bool(
            self.driver.execute_script(
                """
                const box = arguments[0].getBoundingClientRect();
                if (box.top < 0 || box.left < 0 || box.bottom > innerHeight || box.right > innerWidth) return false;
                const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
                return arguments[0].contains(top) || top.contains(arguments[0]);
                """,
                element,
            )
        )

    def wait(self, condition: Callable[[], Any], seconds: float = 60) -> Any:
        """Wait for `condition` and return its value; an exception counts as false."""
        until, last = time.monotonic() + seconds, None
        while time.monotonic() < until:
            try:
                if last := condition():
                    return last
            except Exception as error:
                last = error
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds} s; last: {last!r}; the page says: {self.text()[-2000:]}")

    def shifts(self) -> float:
        """Return how far the layout has moved by itself since the page was opened (cumulative layout shift)."""
        return float(self.driver.execute_script("return window.shifted"))

    def errors(self) -> list[str]:
        """Return the errors in the browser's log since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def violations(self, theme: str) -> list[str]:
        """Return what axe finds wrong with the page as it is now, drawn in a theme ("light" or "dark")."""
        self.driver.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)
        # Not through a script element, which the page's security policy forbids.
        self.driver.execute_script(f"if (!window.axe) {{ {AXE.read_text('utf-8')} }}")
        found = self.driver.execute_async_script(
            """
            const done = arguments[0];
            // A colour in the middle of its transition has another contrast.
            for (const one of document.getAnimations()) {
              if (one.effect.getTiming().iterations !== Infinity) one.finish();
            }
            axe.run().then(
              ({violations}) => done(violations.flatMap(({id, nodes}) => (
                nodes.map(({target, html}) => `${id}: ${target} ${html}`)
              ))),
              (error) => done([String(error)]),
            );
            """
        )
        return [str(one) for one in found]

    # ---- Doing

    def press(self, name: str) -> None:
        """Click a button or link by its name, once it can be clicked."""
        button = self.wait(lambda: (one := self.button(name)).is_enabled() and one)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
        button.click()

    def send(self, *paths: Path) -> None:
        """Choose files in the first drop zone of the page."""
        self.wait(lambda: self.driver.find_element(By.CSS_SELECTOR, ".place:not([hidden]) .drop-zone input"))
        field = self.driver.find_element(By.CSS_SELECTOR, ".place:not([hidden]) .drop-zone input")
        field.send_keys("\n".join(map(str, paths)))

    def type(self, *keys: str) -> None:
        """Press keys where the focus is."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def focused(self) -> str:
        """Return the name of the control with the focus."""
        return self.driver.switch_to.active_element.accessible_name.strip()

    def tab_to(self, name: str, most: int = 80) -> None:
        """Press Tab until a control has the focus whose name begins with `name`."""
        for _ in range(most):
            self.type(Keys.TAB)
            if self.focused().startswith(name):
                return
        raise AssertionError(f"{most} times Tab did not lead to {name!r}; the focus is on {self.focused()!r}")
