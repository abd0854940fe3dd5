"""The tracks of a result in a real browser: they play together, and what is mixed is what is downloaded."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from stems_result import LEAST_DB, make_result, tones_db
from studio_page import DESKTOP, NEEDS_AXE, PHONE, Server, StudioPage, open_server

from myna.studio.workspace import Workspace


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("studio")
    workspace = Workspace(folder)
    workspace.create()
    make_result(workspace, seconds=9)
    opened = open_server(folder)
    yield opened
    opened.close()


def open_tracks(page: StudioPage, size: tuple[int, int] = DESKTOP) -> None:
    page.open(size=size)
    page.wait(lambda: page.find(".result-open")).click()
    page.wait(lambda: page.find(".stem-wave canvas"))


def control(page: StudioPage, name: str) -> WebElement:
    """Return a control of the tracks by its spoken name."""
    found = page.driver.find_elements(By.CSS_SELECTOR, ".stems button, .stems input")
    return next(one for one in found if one.accessible_name.strip() == name)


def downloaded(page: StudioPage, folder: Path) -> dict[str, float]:
    link = page.find(".result-head a[download]").get_attribute("href")
    return tones_db(urllib.request.urlopen(link).read(), folder)


def place(page: StudioPage) -> float:
    return float(page.find(".stems [role=slider]").get_attribute("aria-valuenow") or 0)


def drawn_share(page: StudioPage, index: int) -> float:
    """Return the share of the pixels of a wave that are drawn."""
    return float(
        page.driver.execute_script(
            """
            const canvas = document.querySelectorAll(".stem-wave canvas")[arguments[0]];
            const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return data.filter((_, n) => n % 4 === 3).filter((alpha) => alpha > 0).length / (data.length / 4);
            """,
            index,
        )
    )


@pytest.mark.timeout(300)
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_what_is_mixed_is_downloaded(page: StudioPage, size: tuple[int, int], tmp_path: Path) -> None:
    open_tracks(page, size)
    assert [one.text for one in page.driver.find_elements(By.CSS_SELECTOR, ".stem-title")] == [
        "joe",
        "Original voice",
        "Music",
    ]
    page.wait(lambda: drawn_share(page, 0) > 0.2)
    assert page.driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    before = downloaded(page, tmp_path)
    assert before["voice"] == pytest.approx(0, abs=0.1)

    volume = control(page, "Volume of joe")
    volume.send_keys(*[Keys.ARROW_LEFT] * 6)  # half a dB each
    page.wait(lambda: "\N{MINUS SIGN}3 dB" in page.text(".stem-head .stem-gain"))
    page.press("Mute Music")
    page.press("Mute Original voice")
    expected = {"voice": -3.0, "original": 0.0, "music": LEAST_DB}
    page.wait(lambda: downloaded(page, tmp_path) == pytest.approx(expected, abs=0.1))

    # The page shows the levels again when it is opened anew.
    open_tracks(page, size)
    assert "\N{MINUS SIGN}3 dB" in page.text(".stem-head .stem-gain")
    assert control(page, "Mute Music").get_attribute("aria-pressed") == "true"
    page.press("Mute Music")
    page.press("Mute Original voice")
    control(page, "Volume of joe").send_keys(*[Keys.ARROW_RIGHT] * 6)
    page.wait(lambda: downloaded(page, tmp_path) == pytest.approx(before, abs=0.1))
    assert page.errors() == []


def test_the_keyboard_plays_seeks_and_compares(page: StudioPage) -> None:
    open_tracks(page)
    page.tab_to("Play")
    page.type(Keys.SPACE)
    page.wait(lambda: place(page) >= 1)
    page.type("b")
    assert page.driver.find_element(By.CSS_SELECTOR, ".heard input:checked + span").text == "Original"
    page.type(Keys.SPACE)
    page.wait(lambda: page.find(".stems .play").get_attribute("data-state") == "paused")
    at = place(page)
    page.type(Keys.ARROW_RIGHT)
    page.wait(lambda: place(page) == pytest.approx(at + 2, abs=0.11))
    page.tab_to("Position")
    page.type(Keys.END)
    page.wait(lambda: place(page) == 9)
    page.type("+", "+", "+")
    page.wait(lambda: "0:08.6" in page.text(".ruler"))


def test_a_press_on_a_wave_moves_the_position(page: StudioPage) -> None:
    open_tracks(page)
    page.driver.find_elements(By.CSS_SELECTOR, ".stem-wave")[1].click()  # in its middle
    page.wait(lambda: place(page) == pytest.approx(4.5, abs=0.2))


@NEEDS_AXE
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing(page: StudioPage, size: tuple[int, int]) -> None:
    open_tracks(page, size)
    for theme in ("light", "dark"):
        assert page.violations(theme) == []
