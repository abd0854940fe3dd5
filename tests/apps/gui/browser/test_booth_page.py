"""The recording booth in a real browser, with Chromium's fake microphone: a beep each second, which is too loud."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver import Keys
from selenium.webdriver.common.by import By
from studio_page import DESKTOP, PHONE, Server, StudioPage
from training_page import create, fits, project_of, rows

pytestmark = pytest.mark.timeout(600)

_FAKE = "--use-fake-device-for-media-stream"


@pytest.fixture(scope="module")
def driver(chromium: Callable[..., webdriver.Chrome]) -> webdriver.Chrome:
    """A browser that allows the microphone."""
    return chromium(_FAKE, "--use-fake-ui-for-media-stream")


def open_booth(page: StudioPage, name: str, size: tuple[int, int] = DESKTOP) -> None:
    page.open("train", size)
    create(page, name)
    page.press("Record here")
    page.wait(lambda: page.find(".booth"))


def state(page: StudioPage) -> Any:
    return page.find(".booth").get_attribute("data-state")


def place(page: StudioPage) -> str:
    return page.text(".booth-head .quiet")


def leave_focus(page: StudioPage) -> None:
    """Give the keys to the page, as a click beside all controls does."""
    page.driver.execute_script("document.activeElement.blur()")


def test_takes_are_recorded_checked_and_kept(page: StudioPage, server: Server) -> None:
    open_booth(page, "Nora")
    page.wait(lambda: place(page) == "1 of 240")
    sentence = page.text(".booth-text")
    assert sentence == "The birch canoe slid on the smooth planks."
    assert not page.button("Keep and continue").is_enabled()
    page.press("Record")
    page.wait(lambda: page.text(".booth-count") in "321")
    page.wait(lambda: state(page) == "recording")
    page.wait(lambda: float(page.find(".booth-meter").get_attribute("aria-valuenow")) > -30)
    page.wait(lambda: page.text(".booth-clock") >= "1.5 s")
    page.press("Stop")
    page.wait(lambda: page.text(".booth-status") == "Record this one again." and state(page) == "idle")
    assert "clipped" in page.text(".booth-report")
    page.press("Listen")
    page.wait(lambda: page.button("Stop"))
    page.press("Stop")
    # A take can be kept nevertheless; the next sentence follows.
    page.press("Keep and continue")
    page.wait(lambda: place(page) == "2 of 240")
    assert page.text(".booth-text") != sentence and "1 of 240 recorded" in page.text(".booth-tools")
    page.wait(lambda: len(rows(page)) == 1)
    (path,) = project_of(server, "Nora").status().recordings
    assert path.name == "001 The birch canoe slid on the.wav" and path.parent.name == "spoken"
    page.press("Skip")
    page.wait(lambda: place(page) == "3 of 240")
    page.press("Back")
    page.wait(lambda: place(page) == "2 of 240")
    assert page.errors() == []


def test_keys_record_keep_and_give_up(page: StudioPage) -> None:
    open_booth(page, "Keys")
    leave_focus(page)
    page.type(Keys.SPACE)
    page.wait(lambda: state(page) == "counting")
    page.type(Keys.ESCAPE)
    page.wait(lambda: state(page) == "idle")
    page.type(Keys.SPACE)
    page.wait(lambda: state(page) == "recording")
    page.wait(lambda: page.text(".booth-clock") >= "1.0 s")
    page.type(Keys.SPACE)
    page.wait(lambda: state(page) == "idle" and page.text(".booth-status") == "Record this one again.")
    page.type(Keys.ENTER)
    page.wait(lambda: place(page) == "2 of 240")
    # A booth that is folded away gives up its recording.
    page.type(Keys.SPACE)
    page.wait(lambda: state(page) == "recording")
    page.find("#train-step-recordings .step-head").click()
    page.find("#train-step-recordings .step-head").click()
    page.wait(lambda: state(page) == "idle")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_melodies_have_notes_and_a_guide_tone(page: StudioPage, size: tuple[int, int]) -> None:
    open_booth(page, f"Melody {size[0]}", size)
    page.driver.execute_script("[...document.querySelectorAll('.booth-tools label')][1].click()")
    page.wait(lambda: page.find(".booth-notes") and place(page) == "1 of 54")
    page.press("Play the notes")
    page.wait(lambda: page.driver.find_elements(By.CSS_SELECTOR, ".booth-notes .now"))
    page.press("Stop")
    page.wait(lambda: not page.driver.find_elements(By.CSS_SELECTOR, ".booth-notes .now"))
    assert fits(page)
    assert page.errors() == []


def test_a_refused_microphone_is_explained(chromium: Callable[..., webdriver.Chrome], server: Server) -> None:
    page = StudioPage(chromium(_FAKE, "--deny-permission-prompts"), server.url)
    open_booth(page, "Denied")
    page.press("Record")
    page.wait(lambda: "does not allow this page to use the microphone" in page.text(".booth-status"))
    assert state(page) == "idle"
