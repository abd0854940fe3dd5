"""The page Live in a real browser, whose fake microphone records a tone of 220 Hz, with voices that only delay."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from live_voices import open_delay
from selenium import webdriver
from selenium.webdriver import Keys
from studio_page import AXE, DESKTOP, PHONE, StudioPage, free_port
from training_page import fits

from myna.apps.gui.server.app import open_studio, serve
from myna.apps.gui.server.context import Studio
from myna.assets import BUNDLED_VOICES

pytestmark = pytest.mark.timeout(300)

_FAKE = "--use-fake-device-for-media-stream"


@dataclass
class LiveServer:
    """A studio of this process, and the address of its page."""

    studio: Studio
    url: str


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A studio with the voices "ann" and "joe", which only delay."""
    with open_studio(tmp_path_factory.mktemp("studio")) as studio:
        shutil.copytree(BUNDLED_VOICES / "joe", studio.workspace.voices / "ann")
        studio.live.open_voice = open_delay
        served, url = serve(studio, port=free_port())
        yield LiveServer(studio, url)
        served.close()


@pytest.fixture(scope="module")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vowel of 220 Hz, in whole periods because Chromium repeats the file."""
    path = tmp_path_factory.mktemp("sound") / "tone.wav"
    times = np.arange(48000) / 48000
    soundfile.write(path, sum(0.1 / k * np.sin(2 * np.pi * 220 * k * times) for k in (1, 2, 3)), 48000)
    return path


@pytest.fixture(scope="module")
def driver(chromium: Callable[..., webdriver.Chrome], tone: Path) -> webdriver.Chrome:
    """A browser that allows the microphone, which records the tone."""
    return chromium(_FAKE, "--use-fake-ui-for-media-stream", f"--use-file-for-fake-audio-capture={tone}")


def level(page: StudioPage, name: str) -> float:
    """Return the level in dB that a meter shows."""
    return float(page.find(f".live-meter[aria-label={name}]").get_attribute("aria-valuenow") or "nan")


def state(page: StudioPage) -> str:
    return page.text(".live-state")


def test_a_person_sings_and_hears_a_voice(page: StudioPage, server: LiveServer) -> None:
    page.open("live")
    assert state(page) == "Stopped"
    page.press("Start")
    page.wait(lambda: state(page) == "ann is singing")
    # The tone is seen, and what is played has its level and pitch.
    page.wait(lambda: page.text(".live-key.source .live-note") == "A3")
    page.wait(lambda: page.text(".live-key.voice .live-note") == "A3")
    page.wait(lambda: abs(level(page, "Microphone") - level(page, "Output")) < 6 and level(page, "Output") > -30)
    delay = page.wait(lambda: re.fullmatch(r"(\d+) ms", page.text(".live-delay")))
    assert 240 < int(delay[1]) < 2000  # what is pushed, the reserve and the stream are 240 ms
    assert "of 10 s of singing" in page.text(".live-voice")
    # Settings act at once; keys switch the bypass, and choose the next voice.
    page.driver.execute_script("document.activeElement.blur()")
    page.type("b")
    page.wait(lambda: server.studio.live.state.settings.bypass and state(page).startswith("Bypass"))
    page.type("b")
    page.type("n")
    page.wait(lambda: state(page) == "joe is singing")
    page.find(".live-voice input[aria-label=Transposition]").send_keys(Keys.ARROW_RIGHT)
    page.wait(lambda: server.studio.live.state.settings.transpose == 1 and not server.studio.live.state.automatic)
    if AXE.is_file():
        assert [one for theme in ("light", "dark") for one in page.violations(theme)] == []
    # A recording is heard beside its source.
    page.press("Record")
    page.wait(lambda: re.search(r"Recording 0:0[1-9]", page.text(".live-recording")))
    page.press("End recording")
    page.wait(lambda: page.find(".live-recorded .player"))
    # The voice sings on while another page is shown, where the chip stops it.
    page.driver.execute_script("location.hash = '#/voices'")
    page.wait(lambda: page.find(".voice-tile"))
    assert page.in_sight(page.button("Stop live conversion"))
    page.press("Stop live conversion")
    page.wait(lambda: not page.text(".live-chip"))
    page.driver.execute_script("location.hash = '#/live'")
    page.wait(lambda: state(page) == "Stopped" and page.button("Start").is_enabled())
    assert page.errors() == []


def test_a_closed_page_ends_its_session(page: StudioPage, server: LiveServer) -> None:
    page.open("live")
    page.press("Start")
    page.wait(lambda: state(page) == "ann is singing")
    page.driver.get("about:blank")
    page.wait(lambda: server.studio.live.state.state == "stopped")
    assert server.studio.live.state.problem is None


def test_the_microphone_is_tested_while_no_voice_sings(page: StudioPage) -> None:
    page.open("live", PHONE)
    assert fits(page)
    page.press("Test microphone")
    page.wait(lambda: level(page, "Microphone") > -30)
    assert state(page) == "Stopped" and level(page, "Output") == -60
    page.press("End the test")
    page.wait(lambda: level(page, "Microphone") == -60)


def test_a_refused_microphone_is_explained(chromium: Callable[..., webdriver.Chrome], server: LiveServer) -> None:
    page = StudioPage(chromium(_FAKE, "--deny-permission-prompts"), server.url)
    page.open("live", DESKTOP)
    page.press("Start")
    page.wait(lambda: "does not allow this page to use the microphone" in page.text(".toasts"))
    assert state(page) == "Stopped" and server.studio.live.state.state == "stopped"
