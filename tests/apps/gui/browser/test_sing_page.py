"""Sing in a real browser: from a song to its result, as a person sees it."""

from __future__ import annotations

import shutil
import urllib.request
from pathlib import Path

import pytest
from selenium.webdriver import Keys
from selenium.webdriver.common.by import By
from studio_page import DESKTOP, NEEDS_AXE, PHONE, SONG, StudioPage

LONGEST_SHIFT = 0.1  # "good" by the Core Web Vitals


def add_song(page: StudioPage, path: Path = SONG) -> None:
    page.send(path)
    page.wait(lambda: "Your song is around" in page.text(".songs"))
    page.wait(lambda: "This is a voice alone" in page.text(".content-choice"))


def results(page: StudioPage) -> list[str]:
    found = page.driver.find_elements(By.CSS_SELECTOR, ".result-title")
    return [one.text for one in found]


def sing(page: StudioPage) -> None:
    """Press Sing and wait for the result."""
    before = len(results(page))
    page.main_button().click()
    page.wait(lambda: len(results(page)) == before + 1, 120)


def place(page: StudioPage) -> int:
    """Position of the player, in seconds."""
    minutes, _, seconds = page.text(".player .time").partition(" / ")[0].partition(":")
    return 60 * int(minutes) + int(seconds)


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_from_a_song_to_its_result(page: StudioPage, size: tuple[int, int]) -> None:
    page.open(size=size)
    page.wait(lambda: "joe" in page.text(".voice-chosen"))
    assert "Add a song first." in page.text(".action-bar")
    assert not page.main_button().is_enabled()
    assert page.shifts() < LONGEST_SHIFT

    add_song(page)
    assert "song.flac" in page.text(".songs")
    assert "joe around" in page.text(".key")
    # Song, voice, key and the button are on one screen.
    page.driver.execute_script("scrollTo(0, 0)")
    for shown in (".song-name", ".wave", ".key .segmented", ".voice-chosen", ".action-bar .button.main"):
        assert page.in_sight(page.find(shown)), shown
    assert page.driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")

    before = len(results(page))
    page.main_button().click()
    page.wait(lambda: len(results(page)) == before + 1, 120)
    assert results(page)[0] == "song.flac joe"
    page.press("Listen")
    page.wait(lambda: page.find(".player"))
    assert "A\nsong.flac" in page.text(".tracks")
    assert "B\njoe" in page.text(".tracks")
    assert "svc infer" in page.text(".command")
    link = page.find(".result-head a[download]").get_attribute("href")
    assert urllib.request.urlopen(link).read(4) == b"RIFF"
    assert page.driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    assert page.errors() == []


def test_the_fitting_key_is_chosen_and_another_can_be(page: StudioPage) -> None:
    page.open()
    add_song(page)
    chosen = page.wait(lambda: page.driver.find_element(By.CSS_SELECTOR, ".key input:checked + span").text)
    shift = page.find(".shift input")
    before = shift.get_attribute("value")
    others = page.driver.find_elements(By.CSS_SELECTOR, ".key .segmented label")
    other = next(one for one in others if one.text != chosen)
    other.click()
    page.wait(lambda: page.find(".shift input").get_attribute("value") != before)
    assert page.driver.find_element(By.CSS_SELECTOR, ".key input:checked + span").text == other.text


def test_everything_by_keyboard(page: StudioPage) -> None:
    page.open()
    add_song(page)
    count = len(results(page))
    page.tab_to("Preview")  # the buttons come last, after all that they depend on
    page.type(Keys.TAB)
    assert page.focused() == "Sing"
    page.type(Keys.ENTER)
    page.wait(lambda: len(results(page)) == count + 1, 120)
    page.wait(lambda: page.find(".player"))
    page.tab_to("Listen")
    page.type(Keys.ENTER)
    page.wait(lambda: page.focused().startswith("song.flac joe"))
    page.tab_to("Play")
    page.type(Keys.SPACE)
    page.wait(lambda: place(page) >= 1)
    page.type("a")
    assert page.find(".track[aria-pressed=true]").text.startswith("A")
    page.type(Keys.SPACE)
    page.wait(lambda: page.find(".play").get_attribute("data-state") == "paused")
    at = place(page)
    page.type(Keys.ARROW_RIGHT)
    assert place(page) == at + 2


def test_a_reload_keeps_the_song_the_key_and_the_results(page: StudioPage) -> None:
    page.open()
    add_song(page)
    field = page.find(".shift input")
    field.clear()
    field.send_keys("-3", Keys.TAB)
    known = results(page)
    page.driver.refresh()
    page.wait(lambda: "Your song is around" in page.text(".songs"))
    assert page.find(".shift input").get_attribute("value") == "-3"
    page.wait(lambda: results(page) == known)


def test_nothing_that_ends_or_arrives_stops_what_plays(page: StudioPage) -> None:
    page.open()
    add_song(page)
    sing(page)
    page.wait(lambda: page.find(".player"))
    page.find(".play").click()
    page.wait(lambda: place(page) >= 1)
    count = len(results(page))
    page.find(".action-bar .button:not(.main)").click()  # a preview
    page.wait(lambda: len(results(page)) == count + 1, 120)
    if page.find(".play").get_attribute("data-state") == "paused":
        assert place(page) == 9  # it has played to its end
    assert "joe" in page.text(".player .track[aria-pressed=true]")
    assert len(page.driver.find_elements(By.CSS_SELECTOR, ".player")) == 1


def test_a_deleted_result_comes_back(page: StudioPage) -> None:
    page.open()
    if not page.wait(lambda: page.text(".results")) or not results(page):
        add_song(page)
        sing(page)
    known = results(page)
    page.find(".result .menu button").click()
    page.press("Delete")
    page.wait(lambda: len(results(page)) == len(known) - 1)
    page.press("Undo")
    page.wait(lambda: results(page) == known)


def test_names_are_plain_text_and_a_bad_file_says_why(page: StudioPage, tmp_path: Path) -> None:
    odd = tmp_path / "<img src=x onerror=alert(1)> 노래.flac"
    shutil.copyfile(SONG, odd)
    page.open()
    add_song(page, odd)
    assert odd.name in page.text(".songs")
    empty = tmp_path / "empty.wav"
    empty.touch()
    page.send(empty)
    page.wait(lambda: "empty" in page.text(".song.broken .bad"))
    assert page.main_button().is_enabled()  # the other song can be sung


@NEEDS_AXE
def test_axe_finds_nothing(page: StudioPage) -> None:
    page.open()
    add_song(page)
    page.find(".voice-chosen").click()
    for theme in ("light", "dark"):
        assert page.violations(theme) == []
