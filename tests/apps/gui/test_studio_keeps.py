"""The tab of the voices in a browser: add, rename, pack, and delete after a question."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest
from browsing import OpenStudio, Page

from myna.assets import BUNDLED_VOICES
from myna.voice import find_weights

pytestmark = pytest.mark.timeout(300)


def fill(page: Page, selector: str, text: str) -> None:
    field = page.find(f"{selector} :is(input, textarea)")
    field.clear()
    field.send_keys(text)


def test_a_voice_is_added_renamed_packed_and_deleted(page: Page, studio: OpenStudio, tmp_path: Path) -> None:
    page.tab("Voices")
    page.wait(lambda: "44100 Hz" in page.text("#library-card"))
    (notes := tmp_path / "notes.txt").write_text("la la la")
    page.send("#library-files", notes)
    fill(page, "#library-name", "Anna")
    page.click("#library-add")
    page.wait(lambda: "notes.txt is not a checkpoint" in page.text("body"))
    page.click("#library-files button[aria-label=Clear]")

    weights = find_weights(BUNDLED_VOICES / "joe")
    page.send("#library-files", weights, weights.with_name("config.json"))
    fill(page, "#library-name", "<img src=x onerror=alert(1)>")
    page.click("#library-add")
    page.wait(lambda: "img src=x onerror=alert(1) · yours" in page.text("#library-list"))
    page.click("#library-renaming button.label-wrap")
    page.wait(lambda: page.find("#library-rename").is_displayed())
    fill(page, "#library-new-name", "Jim")
    page.click("#library-rename")
    page.wait(lambda: "Jim · yours" in page.text("#library-list"))

    page.click("#library-packing button.label-wrap")
    page.wait(lambda: page.find("#library-pack").is_displayed())
    fill(page, "#library-author", "Jim")
    page.click("#library-half input")
    page.click("#library-pack")
    link = page.wait(lambda: page.find("#library-made a").get_attribute("href"), 120)
    with urllib.request.urlopen(link) as answer:
        assert answer.read(9)[8:] == b"{"

    page.click("#library-delete")
    page.wait(lambda: page.text("#library-question") == "Delete Jim for good?")
    page.click("#library-no")
    page.wait(lambda: not page.text("#library-yes"))
    assert (studio.folder / "voices" / "Jim").is_dir()
    page.click("#library-delete")
    page.wait(lambda: page.find("#library-yes").is_displayed())
    page.click("#library-yes")
    page.wait(lambda: "Jim" not in page.text("#library-list"))
    assert not list((studio.folder / "voices").iterdir())
    # The bundled voice stays.
    page.click("#library-delete")
    page.wait(lambda: "joe cannot be deleted here: it is bundled" in page.text("body"))
    assert not [line for line in page.errors() if "favicon" not in line and "manifest" not in line]
