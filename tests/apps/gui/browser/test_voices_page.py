"""Voices in a real browser: add, hear, find, note, pack, delete and bring back, as a person sees it."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from asking import ask, ended, wait_until
from selenium.webdriver import Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select
from studio_page import DESKTOP, PHONE, Server, StudioPage, open_server

from myna.assets import BUNDLED_VOICES

JOE = BUNDLED_VOICES / "joe"
WEIGHTS = JOE / "G_893.pth"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A studio for each test, because each changes its voices."""
    opened = open_server(tmp_path / "studio")
    yield opened
    opened.close()


def titles(page: StudioPage) -> list[str]:
    return [one.text for one in page.driver.find_elements(By.CSS_SELECTOR, ".voice-tile h2")]


def tile(page: StudioPage, title: str) -> WebElement:
    """Return the card of a voice."""
    tiles = page.driver.find_elements(By.CSS_SELECTOR, ".voice-tile")
    return next(one for one in tiles if one.find_element(By.CSS_SELECTOR, "h2").text == title)


def labelled(page: StudioPage, name: str) -> WebElement:
    """Return a visible field by its name."""
    fields = page.driver.find_elements(By.CSS_SELECTOR, "input, select, textarea")
    return next(one for one in fields if one.is_displayed() and one.accessible_name.strip() == name)


def write(field: WebElement, text: str) -> None:
    """Replace the text of a field."""
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(Keys.BACKSPACE)
    field.send_keys(text)


def add(page: StudioPage, *paths: Path) -> None:
    """Open the dialog, choose files in it, and wait for what was found."""
    page.wait(lambda: titles(page))
    page.main_button().click()
    page.wait(lambda: page.driver.find_element(By.CSS_SELECTOR, "dialog .drop-zone input"))
    page.driver.find_element(By.CSS_SELECTOR, "dialog .drop-zone input").send_keys("\n".join(map(str, paths)))
    page.wait(lambda: "Reading the files" not in page.text("dialog") and page.find(".proposal, .left-files"), 120)


def with_copy(server: Server, name: str = "Jo") -> None:
    """Put a copy of joe into the library."""
    shutil.copytree(JOE, server.folder / "voices" / name)


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_voice_is_added_from_an_archive(page: StudioPage, tmp_path: Path, size: tuple[int, int]) -> None:
    with zipfile.ZipFile(tmp_path / "voices.zip", "w") as archive:
        archive.write(WEIGHTS, "Jo/G_893.pth")
        archive.write(JOE / "config.json", "Jo/config.json")
        archive.writestr("Jo/readme.txt", "hello")
    page.open("voices", size)
    add(page, tmp_path / "voices.zip")
    assert labelled(page, "Name").get_attribute("value") == "Jo"
    assert "1 not used" in page.text("dialog")
    write(labelled(page, "Name"), "Josephine")
    page.press("Add the voice")
    page.wait(lambda: "Josephine" in titles(page), 120)
    assert "New" in tile(page, "Josephine").text
    page.wait(lambda: "Added: Josephine" in page.text(".toasts"))
    page.wait(lambda: "around" in tile(page, "Josephine").text, 120)  # inspected
    assert page.driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")


def test_files_that_may_not_belong_together_are_a_question(page: StudioPage, server: Server, tmp_path: Path) -> None:
    config = json.loads((JOE / "config.json").read_text("utf-8"))
    (tmp_path / "one.json").write_text(json.dumps(config), "utf-8")
    (tmp_path / "two.json").write_text(json.dumps(config), "utf-8")
    page.open("voices")
    add(page, WEIGHTS, tmp_path / "one.json", tmp_path / "two.json")
    assert "Several configurations fit" in page.text(".proposal-question")
    assert "Answer the question" in page.text("dialog")
    assert not page.button("Add the voice").is_enabled()
    Select(labelled(page, "Configuration")).select_by_visible_text("two.json")
    write(labelled(page, "Name"), "asked")
    page.press("Add the voice")
    page.wait(lambda: "asked" in titles(page), 120)
    assert (server.folder / "voices" / "asked" / "config.json").is_file()


def test_what_is_no_voice_is_refused_with_what_it_is(page: StudioPage, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a voice", "utf-8")
    page.open("voices")
    add(page, tmp_path / "notes.txt")
    assert "No voice was found" in page.text("dialog")
    assert "notes.txt" in page.text("dialog .left-files")


def test_voices_of_a_folder_are_read_in_place(page: StudioPage, server: Server, tmp_path: Path) -> None:
    shutil.copytree(JOE, tmp_path / "others" / "models" / "Berta")
    page.open("voices")
    page.wait(lambda: titles(page))
    page.main_button().click()
    name = "An address on the hub, or a folder on this computer"
    page.wait(lambda: labelled(page, name)).send_keys(str(tmp_path / "nowhere"))
    page.press("Read folder")
    page.wait(lambda: "there is no folder" in page.text("dialog"))
    write(labelled(page, name), str(tmp_path / "others"))
    page.press("Read folder")
    page.wait(lambda: any("Berta" in title for title in titles(page)))
    page.main_button().click()
    page.wait(lambda: str(tmp_path / "others") in page.text("dialog .folders"))
    page.press(f"Stop using {tmp_path / 'others'}")
    page.wait(lambda: not any("Berta" in title for title in titles(page)))
    assert (tmp_path / "others" / "models" / "Berta" / WEIGHTS.name).is_file()


def test_a_test_clip_is_made_at_the_first_press_and_heard(page: StudioPage, server: Server) -> None:
    page.driver.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument",
        {
            "source": "window.played = []; const play = Audio.prototype.play;"
            "Audio.prototype.play = function () { window.played.push(this.src); return play.call(this); };"
        },
    )
    page.open("voices")
    page.wait(lambda: "around" in tile(page, "joe").text, 120)
    page.press("Play joe")
    page.wait(lambda: page.button("Pause joe"), 180)
    (heard,) = page.driver.execute_script("return window.played")
    assert "voice/test?name=joe" in heard
    # The second time, it is there at once.
    page.press("Pause joe")
    page.press("Play joe")
    page.wait(lambda: page.button("Pause joe"), 2)
    assert [job["kind"] for job in ask(server, "GET", "jobs")] == ["test"]


def test_tags_notes_and_search(page: StudioPage, server: Server) -> None:
    with_copy(server)
    page.open("voices/Jo")
    page.wait(lambda: labelled(page, "Tags")).send_keys("bass", Keys.ENTER, "slow", Keys.ENTER)
    labelled(page, "Notes").send_keys("for the lullabies")
    page.wait(lambda: "Saved" in page.text(".voice-view"))
    wait_until(lambda: ask(server, "GET", "voice", name="Jo")["notes"] == "for the lullabies")
    page.open("voices")
    page.wait(lambda: titles(page) == ["Jo", "joe"])
    assert "bass" in tile(page, "Jo").text and "lullabies" in tile(page, "Jo").text
    page.find(".search-field input").send_keys("lullab")
    page.wait(lambda: titles(page) == ["Jo"])
    write(page.find(".search-field input"), "")
    page.wait(lambda: titles(page) == ["Jo", "joe"])
    page.press("slow")
    page.wait(lambda: titles(page) == ["Jo"])
    page.find(".search-field input").send_keys("nobody")
    page.wait(lambda: "Nothing found." in page.text("main"))
    page.press("Show all")
    page.wait(lambda: titles(page) == ["Jo", "joe"])


def test_default_settings_are_used_by_sing(page: StudioPage, server: Server) -> None:
    with_copy(server)
    page.open("voices/Jo")
    page.wait(lambda: page.find(".voice-defaults .parameter"), 120)
    page.driver.execute_script(
        "for (const one of document.querySelectorAll('.voice-defaults details')) one.open = true"
    )
    field = page.wait(lambda: labelled(page, "Pitch detection"))
    usual = Select(field).first_selected_option.text
    other = next(one.text for one in Select(field).options if one.text != usual and one.is_enabled())
    Select(field).select_by_visible_text(other)
    page.wait(lambda: "Saved" in page.text(".voice-defaults"))
    page.main_button().click()
    page.wait(lambda: page.text("h1") == "Sing" and "Jo" in page.text(".voice-chosen"))
    page.driver.execute_script("for (const one of document.querySelectorAll('.sing details')) one.open = true")
    page.wait(lambda: Select(labelled(page, "Pitch detection")).first_selected_option.text == other)


def test_a_deleted_voice_comes_back(page: StudioPage, server: Server) -> None:
    with_copy(server)
    page.open("voices")
    page.wait(lambda: "Jo" in titles(page))
    page.press("More for Jo")
    page.press("Delete")
    page.wait(lambda: "Jo" not in titles(page))
    page.press("Undo")
    page.wait(lambda: "Jo" in titles(page))

    page.press("More for Jo")
    page.press("Delete")
    page.wait(lambda: "Jo" not in titles(page))
    page.driver.refresh()
    page.wait(lambda: titles(page) == ["joe"])
    page.find(".page-head button").click()
    page.press("Restore Jo")
    page.wait(lambda: "The trash is empty" in page.text("dialog"))
    page.press("Close")
    page.wait(lambda: titles(page) == ["Jo", "joe"])

    page.press("More for Jo")
    page.press("Delete")
    page.wait(lambda: "Jo" not in titles(page))
    page.find(".page-head button").click()
    page.press("Delete Jo for good")
    page.wait(lambda: "cannot be undone" in page.text())
    page.press("Delete for good")
    page.wait(lambda: "The trash is empty" in page.text())
    assert not (server.folder / "voices" / "Jo").exists()


def test_a_voice_is_renamed_packed_and_blended(page: StudioPage, server: Server) -> None:
    with_copy(server)
    with_copy(server, "Other")
    page.open("voices/Jo")
    page.press("Rename")
    write(page.wait(lambda: labelled(page, "Name")), "Other")
    page.find("dialog .main").click()
    page.wait(lambda: "there is already a voice" in page.text("dialog"))
    write(labelled(page, "Name"), "Josephine")
    page.find("dialog .main").click()
    page.wait(lambda: page.text("h1") == "Josephine")

    page.press("Pack into one file")
    write(page.wait(lambda: labelled(page, "Author")), "Anna")
    page.find("dialog .main").click()
    page.wait(lambda: "The file is ready." in page.text("dialog"), 120)
    link = page.find("dialog .job-files a")
    assert link.text.endswith(".safetensors")
    assert "/files/0" in str(link.get_attribute("href"))
    page.press("Close")

    page.press("Blend with another")
    page.wait(lambda: page.find("dialog select"))
    Select(page.find("dialog select")).select_by_visible_text("Other")
    write(labelled(page, "Name"), "Both")
    page.find("dialog .main").click()
    (job,) = wait_until(lambda: [one for one in ask(server, "GET", "jobs") if one["kind"] == "blend"])
    assert ended(server, job["id"])["about"]["voice"] == "Both"
    page.press("Voices")
    page.wait(lambda: "Both" in titles(page))


def test_the_name_of_a_voice_is_shown_as_text(page: StudioPage, server: Server) -> None:
    name = "<b>Zoë & 노래"
    with_copy(server, name)
    page.open("voices")
    page.wait(lambda: name in titles(page))
    tile(page, name).find_element(By.CSS_SELECTOR, "h2 a").click()
    page.wait(lambda: page.text("h1") == name)
    page.driver.refresh()
    page.wait(lambda: page.text("h1") == name)
