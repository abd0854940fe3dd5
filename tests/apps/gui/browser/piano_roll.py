"""Notes of the pitch editor as a person drags them and hears them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from asking import ask
from selenium.webdriver import ActionChains
from studio_page import Server, StudioPage

from myna.audio import io
from myna.features.f0 import F0_ESTIMATORS


def open_editor(page: StudioPage, number: int, size: tuple[int, int]) -> None:
    page.open(f"pitch/{number}", size)
    page.wait(lambda: page.find(".roll"))


def pitch_of(server: Server, number: int) -> dict[str, Any]:
    return dict(ask(server, "GET", f"results/{number}/pitch"))


def longest(notes: list[dict[str, float]]) -> int:
    """Return the index of the longest note."""
    return max(range(len(notes)), key=lambda one: notes[one]["end"] - notes[one]["start"])


def on_screen(page: StudioPage, pitch: dict[str, Any], note: dict[str, float]) -> tuple[float, float, float]:
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
        pitch["notes"],
        pitch["seconds"],
    )
    return (found[0], found[1], found[2])


def drag_up(page: StudioPage, pitch: dict[str, Any], note: dict[str, float], semitones: int) -> None:
    """Drag a note up and let go of it; meanwhile, the page must name it."""
    x, y, row = on_screen(page, pitch, note)
    mouse = ActionChains(page.driver, duration=20)
    mouse.move_to_element_with_offset(page.find(".roll"), round(x), round(y)).click_and_hold()
    for _ in range(3 * semitones):
        mouse.move_by_offset(0, -round(row / 3))
    mouse.perform()
    assert "note" in page.text(".chosen-text")
    mouse.release().perform()


def heard_note(content: bytes, start: float, end: float, folder: Path) -> float:
    """Return the median pitch of a stretch of a sound file, as a MIDI note number."""
    (folder / "answer").write_bytes(content)
    audio, rate = io.read(folder / "answer")
    f0 = F0_ESTIMATORS["swift"](audio[round(start * rate) : round(end * rate)], rate, rate // 100, "cpu")
    return float(69 + 12 * np.log2(np.median(f0[f0 > 0]) / 440))
