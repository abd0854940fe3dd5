"""Train in a real browser: from recordings to a voice that can sing, as a person sees it."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from studio_page import DESKTOP, PHONE, Server, StudioPage

from myna.config import Config
from myna.studio.project import Project

pytestmark = pytest.mark.timeout(900)

REPOSITORY = Path(__file__).parents[4]
AXE = REPOSITORY / "node_modules" / "axe-core" / "axe.min.js"
RECORDINGS = sorted((REPOSITORY / "examples" / "recordings" / "ljspeech").glob("*"))[:6]
# A light voice that is a few channels wide: everything else is real.
MODEL = {"inter_channels": 8, "hidden_channels": 8, "n_layers": 1, "n_fine_layers": 1, "gin_channels": 4}
TRAIN = {"num_workers": 0, "segment_size": 8192, "bf16_run": False, "batch_size": 2}


def project_of(server: Server, name: str) -> Project:
    return Project(server.folder / "training" / name)


def shrink(project: Project) -> None:
    Config.template("myna-lite").with_values(model=MODEL, train=TRAIN).write(project.config)


def create(page: StudioPage, name: str) -> None:
    field = page.wait(lambda: page.find(".new-project input"))
    field.send_keys(name)
    page.wait(lambda: page.main_button().is_enabled())
    page.main_button().click()
    page.wait(lambda: name in page.text("h1"))


def add_recordings(page: StudioPage, paths: list[Path] = RECORDINGS) -> None:
    before = len(rows(page))
    page.send(*paths)
    page.wait(lambda: len(rows(page)) == before + len(paths))


def rows(page: StudioPage) -> list[WebElement]:
    return page.driver.find_elements(By.CSS_SELECTOR, ".recording-row")


def state(page: StudioPage, step: str) -> str:
    return page.text(f"#train-step-{step} .step-state")


def unfold(page: StudioPage, step: str) -> WebElement:
    """Open a step if it is folded away, and return its content."""
    head = page.wait(lambda: page.find(f"#train-step-{step} .step-head"))
    if head.get_attribute("aria-expanded") == "false":
        page.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", head)
        head.click()
    return page.wait(lambda: page.find(f"#train-step-{step} .step-body"))


def press_in(page: StudioPage, step: str, name: str) -> None:
    """Press a button of a step."""
    body = unfold(page, step)
    button = page.wait(
        lambda: next(
            one
            for one in body.find_elements(By.CSS_SELECTOR, "button, label")
            if one.is_displayed() and one.is_enabled() and one.text.strip() == name
        )
    )
    page.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
    button.click()


def bar(page: StudioPage) -> str:
    return page.text(".action-bar")


def unfold_experts(page: StudioPage) -> WebElement:
    if page.find(".experts > details").get_attribute("open") is None:
        page.driver.execute_script("document.querySelector('.experts summary').click()")
    return page.wait(lambda: page.find(".training-settings"))


def set_option(page: StudioPage, title: str) -> None:
    """Switch an option on, under For experts."""
    unfold_experts(page)
    label = page.wait(
        lambda: next(
            one for one in page.driver.find_elements(By.CSS_SELECTOR, ".training-settings label") if one.text == title
        )
    )
    page.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", label)
    label.click()
    page.wait(lambda: page.driver.find_element(By.CSS_SELECTOR, ".training-settings input:checked"))


def prepare(page: StudioPage) -> None:
    page.wait(lambda: page.main_button().text == "Prepare" and page.main_button().is_enabled())
    page.main_button().click()
    page.wait(lambda: state(page, "prepare") == "Done", 240)


def train(page: StudioPage, minutes: str = "0.5") -> None:
    """Start a training of so many minutes."""
    press_in(page, "train", "Other")
    field = page.wait(lambda: page.find(".minutes input"))
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(minutes, Keys.TAB)
    page.main_button().click()
    page.wait(lambda: state(page, "train") == "At work")


def checkpoints(page: StudioPage) -> list[str]:
    return [one.text for one in page.driver.find_elements(By.CSS_SELECTOR, ".checkpoint h4")]


def samples(page: StudioPage) -> int:
    """Number of checkpoints that have a sample to play."""
    return len(page.driver.find_elements(By.CSS_SELECTOR, ".checkpoint:has(.samples button)"))


def tracks(page: StudioPage) -> list[str]:
    return [one.text for one in page.driver.find_elements(By.CSS_SELECTOR, ".comparison .track .name")]


def ask(server: Server, path: str) -> Any:
    with urllib.request.urlopen(f"{server.url}api/v1/{path}") as answer:
        return json.load(answer)


def fits(page: StudioPage) -> bool:
    """Return whether nothing is wider than the window."""
    return bool(page.driver.execute_script("return document.documentElement.scrollWidth <= innerWidth"))


def test_the_empty_page_shows_the_way(page: StudioPage) -> None:
    for size in (DESKTOP, PHONE):
        page.open("train", size)
        page.wait(lambda: "minutes" in page.text(".way") and "MB of disk" in page.text(".way"))
        page.press("New voice")
        assert page.focused() == "Name"
        assert fits(page)
    assert page.errors() == []


def test_from_recordings_to_a_voice_that_sings(page: StudioPage, server: Server) -> None:
    page.open("train")
    create(page, "Linda")
    page.wait(lambda: page.main_button().text == "Add recordings")
    assert [state(page, step) for step in ("recordings", "prepare", "train")] == ["Not done", "Later", "Later"]
    add_recordings(page)
    page.wait(lambda: "6 recordings" in page.text("#train-step-recordings .step-facts"))
    page.wait(lambda: not page.driver.find_elements(By.CSS_SELECTOR, ".recording-row.checking"))
    assert "Still missing" in page.text(".amounts")
    page.press(f"Play {RECORDINGS[0].name}")
    page.wait(lambda: page.button(f"Pause {RECORDINGS[0].name}"))

    project = project_of(server, "Linda")
    shrink(project)
    prepare(page)
    set_option(page, "Start without base weights")
    train(page)
    # A bar in minutes, and each checkpoint with what it sings, without a reload.
    page.wait(lambda: " of 30 s" in bar(page), 120)
    assert page.main_button().text == "Stop and save"
    page.wait(lambda: samples(page) >= 1, 120)
    assert state(page, "train") == "At work"
    page.driver.execute_script("document.querySelector('.checkpoint .samples button').click()")
    page.wait(lambda: page.find(".checkpoint .samples button[aria-label^=Pause]"))
    page.wait(lambda: state(page, "train") == "Done", 240)
    page.wait(lambda: samples(page) == len(checkpoints(page)) == len(project.checkpoints()) >= 3)
    page.wait(lambda: "best so far" in page.text(".checkpoint.best"))

    # Two comparisons; each appears without a reload.
    page.wait(lambda: page.main_button().text == "Compare")
    press_in(page, "compare", "Measure them too")
    page.main_button().click()
    page.wait(lambda: len(tracks(page)) == 3, 240)
    body = unfold(page, "compare")
    choice = body.find_element(By.CSS_SELECTOR, ".choice:not(:has(:checked))")
    page.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", choice)
    choice.click()
    press_in(page, "compare", "Compare")
    page.wait(lambda: len(tracks(page)) == 4, 240)
    assert tracks(page)[0] == "Recording"

    # Pack it; what was typed stays over a reload.
    body = unfold(page, "pack")
    licence = page.wait(lambda: body.find_elements(By.CSS_SELECTOR, "input.input")[1])
    licence.send_keys("CC-BY-4.0")
    page.driver.refresh()
    body = page.wait(lambda: unfold(page, "pack"))
    page.wait(lambda: body.find_elements(By.CSS_SELECTOR, "input.input")[1].get_attribute("value") == "CC-BY-4.0")
    press_in(page, "pack", "Pack")
    page.wait(lambda: state(page, "pack") == "Done", 120)
    page.wait(lambda: page.main_button().text == "Sing with it")
    assert page.errors() == []
