"""A song with music becomes a cover on the page; one note of it is moved, and the mix is downloaded and measured."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from piano_roll import drag_up, heard_note, longest, pitch_of
from selenium.webdriver.common.by import By
from studio_page import DESKTOP, Server, StudioPage

from myna.audio import io
from myna.units import power_to_db
from song.songs import write_song

# The song has two phrases, and the longest note is in the first. In the second, the moved note changes only how the
# tone of the voice is matched to that of the original.
SECOND_PHRASE_SECONDS = 6.3


def downloaded(page: StudioPage) -> bytes:
    return bytes(urllib.request.urlopen(page.find(".result-head a[download]").get_attribute("href")).read())


def samples(content: bytes, folder: Path) -> NDArray[np.float32]:
    (folder / "mix").write_bytes(content)
    return io.read(folder / "mix", mono=False)[0]


def titles(page: StudioPage) -> list[str]:
    return [one.text for one in page.driver.find_elements(By.CSS_SELECTOR, ".stem-title")]


def change_db(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    """Return the level of the difference of two sounds, relative to the first."""
    return power_to_db(float(np.square(after - before).mean() / np.square(before).mean()) + 1e-9)


@pytest.mark.timeout(300)
def test_a_song_is_covered_corrected_and_mixed_again(page: StudioPage, server: Server, tmp_path: Path) -> None:
    path = write_song(tmp_path / "song.flac")
    song, rate = io.read(path, mono=False)
    page.open(size=DESKTOP)
    page.send(path)
    page.wait(lambda: "The song contains music" in page.text(".content-choice"))
    page.wait(lambda: page.main_button().is_enabled())
    page.main_button().click()
    page.wait(lambda: "of 3)" in page.text(".action-bar"))
    page.wait(lambda: titles(page) == ["joe", "Original voice", "Music"], 180)
    mix = samples(downloaded(page), tmp_path)
    assert mix.shape == song.shape

    page.press("Edit pitch")
    page.wait(lambda: page.find(".roll"))
    pitch = pitch_of(server, 1)
    note = pitch["notes"][longest(pitch["notes"])]
    drag_up(page, pitch, note, 2)
    page.wait(lambda: "The mix does not contain" in page.text(".mix-note"))
    (shift,) = pitch_of(server, 1)["edits"]
    page.press("Mix again")
    page.wait(lambda: "The mix contains all changes" in page.text(".mix-note"), 120)

    page.press("Sing")
    page.wait(lambda: titles(page))
    again_file = downloaded(page)
    again = samples(again_file, tmp_path)
    assert again.shape == song.shape
    first, last = round(note["start"] * rate), round(note["end"] * rate)
    assert change_db(mix[:, first:last], again[:, first:last]) > -10
    rest = round(SECOND_PHRASE_SECONDS * rate)
    assert change_db(mix[:, rest:], again[:, rest:]) < -20

    page.press("Only joe")
    voice = page.wait(lambda: (found := downloaded(page)) != again_file and found)
    moved = heard_note(voice, note["start"], note["end"], tmp_path)
    assert 1 < shift["semitones"] < 3
    assert moved == pytest.approx(note["pitch"] + shift["semitones"], abs=0.4)

    for track in ("Only joe", "Mute joe", "Mute Music"):
        page.press(track)
    page.find(".result-head a[download]").click()
    page.wait(lambda: "All tracks are muted" in page.text(".toasts"))
    assert page.errors() == []
