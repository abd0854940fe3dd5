"""Train in a real browser: from recordings to a voice that can sing, as a person sees it."""

from __future__ import annotations

from pathlib import Path

import pytest
from asking import ask
from selenium import webdriver
from selenium.webdriver.common.by import By
from studio_page import DESKTOP, PHONE, SONG, Server, StudioPage, start_server
from training_page import (
    RECORDINGS,
    add_recordings,
    bar,
    checkpoints,
    create,
    fits,
    prepare,
    press_in,
    project_of,
    samples,
    set_option,
    shrink,
    state,
    tracks,
    train,
    unfold,
)

from myna.config import Config

pytestmark = pytest.mark.timeout(900)


def test_the_empty_page_shows_the_way(page: StudioPage) -> None:
    for size in (DESKTOP, PHONE):
        page.open("train", size)
        page.wait(lambda: "minutes" in page.text(".way") and "MB of disk" in page.text(".way"))
        page.press("New voice")
        assert page.focused() == "Name"
        assert fits(page)
    assert page.errors() == []


def test_from_recordings_to_a_voice_that_sings(page: StudioPage, server: Server) -> None:
    page.open("train")
    create(page, "Linda")
    page.wait(lambda: page.main_button().text == "Add recordings")
    assert [state(page, step) for step in ("recordings", "prepare", "train")] == ["Not done", "Later", "Later"]
    add_recordings(page)
    page.wait(lambda: "6 recordings" in page.text("#train-step-recordings .step-facts"))
    page.wait(lambda: not page.driver.find_elements(By.CSS_SELECTOR, ".recording-row.checking"))
    assert "Still missing" in page.text(".amounts")
    page.press(f"Play {RECORDINGS[0].name}")
    page.wait(lambda: page.button(f"Pause {RECORDINGS[0].name}"))

    project = project_of(server, "Linda")
    shrink(project)
    prepare(page)
    set_option(page, "Start without base weights")
    train(page, "0.4")
    # A bar of the time, and each checkpoint with what it sings, without a reload.
    page.wait(lambda: " of 24 s" in bar(page), 120)
    assert page.main_button().text == "Stop and save"
    page.wait(lambda: samples(page) >= 1, 120)
    page.driver.execute_script("document.querySelector('.checkpoint .samples button').click()")
    page.wait(lambda: page.driver.find_elements(By.CSS_SELECTOR, ".checkpoint .samples button[aria-label^=Pause]"))
    page.wait(lambda: state(page, "train") == "Done", 240)
    page.wait(lambda: samples(page) == len(checkpoints(page)) == len(project.checkpoints()) >= 3)
    page.wait(lambda: "best so far" in page.text(".checkpoint.best"))

    # Two comparisons; each appears without a reload.
    page.wait(lambda: page.main_button().text == "Compare")
    press_in(page, "compare", "Measure the checkpoints too")
    page.main_button().click()
    page.wait(lambda: len(tracks(page)) == 3, 240)
    body = unfold(page, "compare")
    choice = body.find_element(By.CSS_SELECTOR, ".choice:not(:has(:checked))")
    page.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", choice)
    choice.click()
    press_in(page, "compare", "Compare")
    page.wait(lambda: len(tracks(page)) == 4, 240)
    assert tracks(page)[0] == "Recording"

    # Pack it; what was typed stays over a reload.
    body = unfold(page, "pack")
    licence = page.wait(lambda: body.find_elements(By.CSS_SELECTOR, "input.input")[1])
    licence.send_keys("CC-BY-4.0")
    page.driver.refresh()
    body = page.wait(lambda: unfold(page, "pack"))
    page.wait(lambda: body.find_elements(By.CSS_SELECTOR, "input.input")[1].get_attribute("value") == "CC-BY-4.0")
    press_in(page, "pack", "Pack")
    page.wait(lambda: state(page, "pack") == "Done", 120)
    page.wait(lambda: page.main_button().text == "Sing with it")

    # One of its checkpoints can be chosen on the page Sing, and the packed voice sings.
    unfold(page, "train")
    page.driver.execute_script("document.querySelector('.checkpoint:last-child .checkpoint-actions button').click()")
    page.wait(lambda: "Linda (in training, " in page.text(".voice-chosen"))
    page.driver.back()
    page.wait(lambda: page.text("h1").endswith("Linda"))
    page.main_button().click()
    page.wait(lambda: page.text(".voice-chosen .voice-name") == "Linda")
    page.send(SONG)
    page.wait(lambda: "Your song is around" in page.text(".songs") and page.main_button().is_enabled())
    page.main_button().click()
    page.wait(lambda: "song.flac Linda" in page.text(".result-title"), 120)
    assert page.errors() == []


def test_a_file_that_cannot_be_downloaded_is_named_with_its_place(
    driver: webdriver.Chrome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server has no network: the page offers the file, says why it has not come, and where to put it by hand."""
    monkeypatch.setenv("MYNA_ASSETS", str(tmp_path / "assets"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    server = start_server(tmp_path / "studio")
    try:
        page = StudioPage(driver, server.url)
        ask(server, "POST", "projects", {"name": "Linda"})
        project_of(server, "Linda").add(RECORDINGS[:1])
        Config.template("so-vits-svc-4.0v1").write(project_of(server, "Linda").config)
        page.open("train/Linda")
        page.wait(lambda: "Needs ContentVec (378 MB)" in page.text(".action-bar"))
        assert "Needs Base weights of so-vits-svc-4.0v1\n" in page.text(".action-bar")  # their size is not known
        page.press("Download")
        page.wait(lambda: "cannot be downloaded" in page.text(".action-bar [role=alert]"), 300)
        said = page.text(".action-bar [role=alert]")
        assert f"put it into {tmp_path / 'assets'}" in said and "https://huggingface.co/" in said
        page.button("Try again")
        page.open("jobs")
        page.wait(
            lambda: "cannot be downloaded" in page.text(".jobs") and str(tmp_path / "assets") in page.text(".jobs")
        )
    finally:
        server.close()
