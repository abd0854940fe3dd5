"""The frame around all pages: places, theme, and what is said when the studio is away."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver import Keys
from studio_page import DESKTOP, PHONE, Server, StudioPage, port_of, start_server

PLACES = {"sing": "Sing", "train": "Train", "voices": "Voices"}
USABLE_SECONDS = 5  # much more than needed, because test machines are busy


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_rail_leads_to_each_place(page: StudioPage, size: tuple[int, int]) -> None:
    page.open(size=size)
    for place, name in PLACES.items():
        link = page.find(f".rail a[href='#/{place}']")
        assert page.in_sight(link)
        link.click()
        page.wait(lambda place=place: page.find(f".rail a[href='#/{place}']").get_attribute("aria-current") == "page")
        page.wait(lambda name=name: page.text("h1") == name)
        assert name in page.driver.title
        assert (
            page.driver.execute_script(
                "return [...document.querySelectorAll('h1')].filter((one) => one.offsetParent).length"
            )
            == 1
        )
        assert page.driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")


def test_an_address_opens_its_place(page: StudioPage) -> None:
    for place, name in {"jobs": "Jobs", "doctor": "Check-up"}.items():
        page.open(place)
        page.wait(lambda: page.find(".top-bar [aria-current=page]").accessible_name)
        assert page.text("h1") == name


def test_the_page_is_usable_soon_and_asks_no_other_host(
    chromium: Callable[..., webdriver.Chrome], server: Server
) -> None:
    page = StudioPage(chromium(network=True), server.url)
    page.open()
    page.driver.get_log("performance")
    page.open()
    page.wait(lambda: page.find(".action-bar"))
    drawn = page.driver.execute_script("return performance.getEntriesByName('first-contentful-paint')[0].startTime")
    assert drawn / 1000 < USABLE_SECONDS
    messages = [json.loads(entry["message"])["message"] for entry in page.driver.get_log("performance")]
    asked = [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]
    assert asked
    assert [url for url in asked if not url.startswith((page.url, "data:"))] == []


def test_a_chosen_theme_stays(page: StudioPage) -> None:
    page.open()
    background = "return getComputedStyle(document.body).backgroundColor"
    light = page.driver.execute_script(background)
    page.press("Light or dark")
    page.press("Dark")
    dark = page.driver.execute_script(background)
    assert dark != light
    page.driver.refresh()
    page.wait(lambda: page.find("h1"))
    assert page.driver.execute_script(background) == dark


def test_the_first_tab_skips_to_the_page(page: StudioPage) -> None:
    page.open()
    page.type(Keys.TAB)
    assert page.focused() == "Skip to the page"
    page.type(Keys.ENTER)
    assert page.driver.switch_to.active_element.get_attribute("id") == "content"


def test_a_lost_connection_is_said_until_it_is_back(chromium: Callable[..., webdriver.Chrome], tmp_path: Path) -> None:
    first = start_server(tmp_path)
    page = StudioPage(chromium(), first.url)
    page.open()
    page.wait(lambda: page.find(".action-bar"))
    assert "does not answer" not in page.text("main")
    first.close()
    page.wait(lambda: "does not answer" in page.text("main"))
    second = start_server(tmp_path, port=port_of(first))
    try:
        page.wait(lambda: "does not answer" not in page.text("main"))
    finally:
        second.close()
