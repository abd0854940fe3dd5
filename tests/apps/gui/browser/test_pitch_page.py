"""The pitch editor in a real browser: a note is moved, sung again, played and undone, by mouse and by keyboard."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asking import ask, ended, send
from piano_roll import drag_up, heard_note, longest, open_editor, pitch_of
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By
from studio_page import DESKTOP, NEEDS_AXE, PHONE, SONG, Server, StudioPage, open_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    opened = open_server(tmp_path_factory.mktemp("studio"))
    job = ask(opened, "POST", "convert", {"upload": send(opened, SONG), "voice": "joe", "options": {"transpose": 0}})
    assert ended(opened, job["id"])["state"] == "done"
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def without_edits(server: Server) -> None:
    if edits(server):
        ask(server, "PUT", "results/1/pitch", {"edits": []})


def edits(server: Server) -> list[dict[str, Any]]:
    return list(pitch_of(server, 1)["edits"])


def downloaded(server: Server) -> bytes:
    return bytes(urllib.request.urlopen(f"{server.url}api/v1/results/1/audio").read())


def with_key(page: StudioPage, held: str, key: str) -> None:
    """Press a key while another one is held."""
    ActionChains(page.driver).key_down(held).send_keys(key).key_up(held).perform()


def test_a_dragged_note_is_sung_again_and_undone(page: StudioPage, server: Server, tmp_path: Path) -> None:
    open_editor(page, 1, DESKTOP)
    pitch = pitch_of(server, 1)
    note = pitch["notes"][longest(pitch["notes"])]
    before = heard_note(downloaded(server), note["start"], note["end"], tmp_path)
    assert before == pytest.approx(note["pitch"], abs=0.4)
    drag_up(page, pitch, note, 2)
    page.wait(lambda: [edit["kind"] for edit in edits(server)] == ["shift"])
    (shift,) = edits(server)
    assert (shift["start"], shift["end"]) == (note["start"], note["end"]) and 1 < shift["semitones"] < 3
    moved = heard_note(downloaded(server), note["start"], note["end"], tmp_path)
    assert moved == pytest.approx(before + shift["semitones"], abs=0.4)
    # The change has played by itself.
    position = page.driver.find_element(By.CSS_SELECTOR, ".pitch-editor [role=slider]")
    page.wait(lambda: float(position.get_attribute("aria-valuenow") or 0) > note["end"])
    page.press("Undo")
    page.wait(lambda: edits(server) == [])
    assert heard_note(downloaded(server), note["start"], note["end"], tmp_path) == pytest.approx(before, abs=0.01)
    page.press("Redo")
    page.wait(lambda: edits(server) == [shift])
    assert page.errors() == []


def test_the_keyboard_chooses_moves_and_restores(page: StudioPage, server: Server) -> None:
    open_editor(page, 1, DESKTOP)
    number = longest(pitch_of(server, 1)["notes"])
    page.tab_to("Notes.")
    page.type(*[Keys.ARROW_RIGHT] * (number + 1))
    page.wait(lambda: f"note {number + 1} of" in page.text(".chosen-text"))
    page.type(Keys.ARROW_UP)
    page.wait(lambda: [edit["semitones"] for edit in edits(server)] == [1])
    with_key(page, Keys.SHIFT, Keys.ARROW_UP)
    page.wait(lambda: [edit["semitones"] for edit in edits(server)] == [1.1])
    with_key(page, Keys.CONTROL, "z")
    page.wait(lambda: [edit["semitones"] for edit in edits(server)] == [1])
    page.type(Keys.DELETE)
    page.wait(lambda: edits(server) == [])
    page.type(Keys.ESCAPE)
    page.wait(lambda: "Drag a note" in page.text(".chosen-text"))


def test_a_stretch_is_drawn_snapped_straightened_and_silenced(page: StudioPage, server: Server) -> None:
    open_editor(page, 1, DESKTOP)
    mouse = ActionChains(page.driver, duration=20)
    roll = page.find(".roll")
    page.driver.find_element(By.XPATH, "//label[span='Draw']").click()
    mouse.move_to_element_with_offset(roll, -100, 0).click_and_hold()
    for _ in range(5):
        mouse.move_by_offset(20, 3)
    mouse.release().perform()
    page.wait(lambda: [edit["kind"] for edit in edits(server)] == ["draw"])
    points = edits(server)[0]["points"]
    assert len(points) >= 5 and points[0][1] > points[-1][1]

    page.driver.find_element(By.XPATH, "//label[span='Select']").click()
    mouse.move_to_element_with_offset(roll, -300, 50).click_and_hold().move_by_offset(100, 0).move_by_offset(
        100, 0
    ).release().perform()
    page.wait(lambda: " s from 0:0" in page.text(".chosen-text"))
    page.press("Snap to key")
    page.press("Vibrato")
    page.press("None")
    page.press("Silent")
    page.wait(lambda: [edit["kind"] for edit in edits(server)] == ["draw", "snap", "vibrato", "silent"])
    assert edits(server)[2]["factor"] == 0
    page.press("Restore")
    page.wait(lambda: [edit["kind"] for edit in edits(server)] == ["draw"])
    page.press("Undo")
    page.wait(lambda: len(edits(server)) == 4)


def test_a_result_leads_to_the_editor_and_back(page: StudioPage) -> None:
    page.open()
    page.wait(lambda: page.find(".result-open")).click()
    page.press("Edit pitch")
    page.wait(lambda: page.find(".roll"))
    assert page.text("h1") == "song.flac joe"
    page.press("Sing")
    page.wait(lambda: page.text("h1") == "Sing")
    page.open("pitch/99")
    page.wait(lambda: "there is no result 99" in page.text(".problem"))


@NEEDS_AXE
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing(page: StudioPage, size: tuple[int, int]) -> None:
    open_editor(page, 1, size)
    page.find(".roll").send_keys(Keys.ARROW_RIGHT)
    page.wait(lambda: "note 1 of" in page.text(".chosen-text"))
    assert page.driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    page.press("Vibrato")
    for theme in ("light", "dark"):
        assert page.violations(theme) == []
