"""axe finds nothing wrong with any page, at both sizes and in both themes, with its dialogs and menus open."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from studio_page import DESKTOP, NEEDS_AXE, PHONE, StudioPage

pytestmark = NEEDS_AXE


def _menu_of_a_voice(page: StudioPage) -> None:
    page.press("More for joe")


def _adding(page: StudioPage) -> None:
    page.main_button().click()
    page.wait(lambda: page.find("dialog .drop-zone"))


def _packing(page: StudioPage) -> None:
    page.press("More for joe")
    page.press("Pack into one file")
    page.wait(lambda: page.find("dialog form"))


def _trash(page: StudioPage) -> None:
    page.find(".page-head button").click()
    page.wait(lambda: page.find("dialog"))


def _nothing_found(page: StudioPage) -> None:
    page.find(".search-field input").send_keys("zzz")
    page.wait(lambda: "Nothing found." in page.text("main"))


def _jobs_of_the_top_bar(page: StudioPage) -> None:
    page.find(".jobs-menu button").click()
    page.wait(lambda: page.find(".jobs-list"))


def _theme(page: StudioPage) -> None:
    page.press("Light or dark")


def _whole(page: StudioPage) -> None:
    """Open all folds."""
    page.driver.execute_script("for (const one of document.querySelectorAll('details')) one.open = true")


STATES: dict[str, tuple[str, str, Callable[[StudioPage], object]]] = {
    "sing": ("sing", ".voice-chosen", _whole),
    "theme": ("sing", ".voice-chosen", _theme),
    "jobs menu": ("sing", ".voice-chosen", _jobs_of_the_top_bar),
    "live": ("live", ".voice-chosen", _whole),
    "train": ("train", "h1", _whole),
    "voices": ("voices", ".voice-tile", _whole),
    "voices: menu": ("voices", ".voice-tile", _menu_of_a_voice),
    "voices: add": ("voices", ".voice-tile", _adding),
    "voices: pack": ("voices", ".voice-tile", _packing),
    "voices: trash": ("voices", ".voice-tile", _trash),
    "voices: nothing found": ("voices", ".voice-tile", _nothing_found),
    "voice": ("voices/joe", ".voice-facts", _whole),
    "no such voice": ("voices/nobody", ".empty", _whole),
    "jobs": ("jobs", "h1", _whole),
    "doctor": ("doctor", ".doctor .card", _whole),
}


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing(page: StudioPage, state: str, size: tuple[int, int]) -> None:
    place, shown, prepare = STATES[state]
    page.open(place, size)
    page.wait(lambda: page.find(shown))
    prepare(page)
    for theme in ("light", "dark"):
        assert page.violations(theme) == []
