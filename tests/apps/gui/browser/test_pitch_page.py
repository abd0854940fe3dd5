"""The pitch editor in a real browser: a note is moved, sung again, played and undone, by mouse and by keyboard."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asking import ask, ended, send
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By
from studio_page import DESKTOP, NEEDS_AXE, PHONE, SONG, Server, StudioPage, open_server

from myna.audio import io
from myna.features.f0 import F0_ESTIMATORS


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    opened = open_server(tmp_path_factory.mktemp("studio"))
    job = ask(opened, "POST", "convert", {"upload": send(opened, SONG), "voice": "joe", "options": {"transpose": 0}})
    assert ended(opened, job["id"])["state"] == "done"
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def without_edits(server: Server) -> None:
    if ask(server, "GET", "results/1/pitch")["edits"]:
        ask(server, "PUT", "results/1/pitch", {"edits": []})


def open_editor(page: StudioPage, size: tuple[int, int] = DESKTOP) -> None:
    page.open("pitch/1", size)
    page.wait(lambda: page.find(".roll"))


def edits(server: Server) -> list[dict[str, Any]]:
    return list(ask(server, "GET", "results/1/pitch")["edits"])


def longest_note(server: Server) -> tuple[int, dict[str, float]]:
    notes = ask(server, "GET", "results/1/pitch")["notes"]
    number = max(range(len(notes)), key=lambda one: notes[one]["end"] - notes[one]["start"])
    return number, notes[number]


def on_screen(page: StudioPage, note: dict[str, float], notes: list[dict[str, float]]) -> tuple[float, float, float]:
    """Return the place of a note in the roll as it opens, from its middle, and the height of a semitone, in pixels."""
    found = page.driver.execute_async_script(
        """
        const [note, notes, seconds, done] = arguments;
        import(new URL("static/components/pitch-editor/roll.js", document.baseURI)).then((m) => {
          const {width, height} = document.querySelector(".roll").getBoundingClientRect();
          const range = m.rangeAround(notes);
          const roll = {view: {start: 0, seconds: Math.min(12, seconds), whole: seconds}, range, width, height};
          const x = m.xOf(roll, (note.start + note.end) / 2), y = m.yOf(roll, note.pitch);
          done([x - width / 2, y - height / 2, height / range.notes]);
        });
        """,
        note,
        notes,
        9.0978,
    )
    return (found[0], found[1], found[2])


def heard_note(server: Server, start: float, end: float, folder: Path) -> float:
    """Return the median pitch of a stretch of the result, as it is downloaded."""
    (folder / "answer").write_bytes(urllib.request.urlopen(f"{server.url}api/v1/results/1/audio").read())
    audio, rate = io.read(folder / "answer")
    f0 = F0_ESTIMATORS["swift"](audio[round(start * rate) : round(end * rate)], rate, rate // 100, "cpu")
    return float(69 + 12 * np.log2(np.median(f0[f0 > 0]) / 440))


def with_key(page: StudioPage, held: str, key: str) -> None:
    """Press a key while another one is held."""
    ActionChains(page.driver).key_down(held).send_keys(key).key_up(held).perform()


def test_a_dragged_note_is_sung_again_and_undone(page: StudioPage, server: Server, tmp_path: Path) -> None:
    open_editor(page)
    _, note = longest_note(server)
    notes = ask(server, "GET", "results/1/pitch")["notes"]
    before = heard_note(server, note["start"], note["end"], tmp_path)
    assert before == pytest.approx(note["pitch"], abs=0.4)
    x, y, row = on_screen(page, note, notes)
    mouse = ActionChains(page.driver, duration=20)
    mouse.move_to_element_with_offset(page.find(".roll"), round(x), round(y)).click_and_hold()
    for _ in range(6):
        mouse.move_by_offset(0, -round(row / 3))
    mouse.perform()
    assert "note" in page.text(".chosen-text")
    mouse.release().perform()
    page.wait(lambda: [edit["kind"] for edit in edits(server)] == ["shift"])
    (shift,) = edits(server)
    assert (shift["start"], shift["end"]) == (note["start"], note["end"]) and 1 < shift["semitones"] < 3
    moved = heard_note(server, note["start"], note["end"], tmp_path)
    assert moved == pytest.approx(before + shift["semitones"], abs=0.4)
    # The change has played by itself.
    position = page.driver.find_element(By.CSS_SELECTOR, ".pitch-editor [role=slider]")
    page.wait(lambda: float(position.get_attribute("aria-valuenow") or 0) > note["end"])
    page.press("Undo")
    page.wait(lambda: edits(server) == [])
    assert heard_note(server, note["start"], note["end"], tmp_path) == pytest.approx(before, abs=0.01)
    page.press("Redo")
    page.wait(lambda: edits(server) == [shift])
    assert page.errors() == []


def test_the_keyboard_chooses_moves_and_restores(page: StudioPage, server: Server) -> None:
    open_editor(page)
    number, _ = longest_note(server)
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
    open_editor(page)
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
    open_editor(page, size)
    page.find(".roll").send_keys(Keys.ARROW_RIGHT)
    page.wait(lambda: "note 1 of" in page.text(".chosen-text"))
    assert page.driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    page.press("Vibrato")
    for theme in ("light", "dark"):
        assert page.violations(theme) == []
