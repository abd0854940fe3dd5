"""Train in a real browser: what is kept over a reload, a restart and a lost connection, and what other programs do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from studio_page import DESKTOP, NEEDS_AXE, PHONE, Server, StudioPage, open_server, port_of, start_server
from training_page import (
    RECORDINGS,
    add_recordings,
    bar,
    create,
    fits,
    prepare,
    project_of,
    rows,
    set_option,
    shrink,
    state,
    train,
    unfold,
)

pytestmark = pytest.mark.timeout(900)


def prepared(page: StudioPage, server: Server, name: str) -> None:
    """Prepare a small voice for training."""
    page.open("train")
    create(page, name)
    add_recordings(page, RECORDINGS[:2])
    shrink(project_of(server, name))
    prepare(page)


def menu(page: StudioPage, name: str, item: str) -> None:
    page.press(f"More for {name}")
    page.driver.execute_script("arguments[0].click()", page.wait(lambda: page.button(item)))


def test_a_training_is_deleted_after_a_question_and_comes_back(page: StudioPage, server: Server) -> None:
    page.open("train")
    create(page, "Gone")
    add_recordings(page)
    folder = project_of(server, "Gone").folder
    menu(page, "Gone", "Delete the training")
    page.wait(lambda: "1.5 MB" in page.text("dialog"))
    page.press("Cancel")
    assert folder.is_dir()
    menu(page, "Gone", "Delete the training")
    page.wait(lambda: page.find("dialog .danger")).click()
    page.wait(lambda: not folder.exists() and page.text("h1") == "Train")
    assert "Gone" not in page.text(".project-list")
    page.press("Undo")
    page.wait(lambda: "Gone" in page.text(".project-list") and folder.is_dir())


def test_a_removed_recording_comes_back(page: StudioPage, server: Server) -> None:
    page.open("train")
    create(page, "Back")
    add_recordings(page)
    name = page.text(".recording-title")
    page.press(f"Remove {name}")
    page.wait(lambda: len(rows(page)) == 5 and name not in page.text(".recording-list"))
    page.press("Undo")
    page.wait(lambda: len(rows(page)) == 6 and name in page.text(".recording-list"))


def test_a_file_that_is_no_sound_is_named(page: StudioPage, tmp_path: Path) -> None:
    page.open("train")
    create(page, "Files")
    (tmp_path / "letter.txt").write_text("no sound")
    page.send(tmp_path / "letter.txt")
    page.wait(lambda: "letter.txt" in page.text(".toasts"))
    assert not rows(page) and state(page, "recordings") == "Not done"


def test_a_reload_and_a_restart_lose_nothing(page: StudioPage, tmp_path: Path) -> None:
    first = open_server(tmp_path)  # sooner ready than a process
    try:
        prepared(StudioPage(page.driver, first.url), first, "Kept")
    finally:
        first.close()
    server = start_server(tmp_path)
    own = StudioPage(page.driver, server.url)
    try:
        own.open("train/Kept")
        unfold(own, "train")
        set_option(own, "Start without base weights")
        train(own, "60")
        own.wait(lambda: " of 1 h" in bar(own), 120)
        own.driver.refresh()
        own.wait(lambda: " of 1 h" in bar(own) and state(own, "train") == "Running")
        body = unfold(own, "train")
        assert "Stop and save" in body.text
        server.close()
        own.wait(lambda: "does not answer" in own.text(".connection"))
        own.wait(lambda: not own.main_button().is_enabled() and "does not answer" in bar(own))
    finally:
        server.close()
    again = start_server(tmp_path, port=port_of(server))
    try:
        # The page finds the studio by itself. The training has ended with the studio, and goes on from its checkpoint.
        own.wait(lambda: not own.text(".connection"), 60)
        own.wait(lambda: own.main_button().text == "Continue training" and own.main_button().is_enabled())
        assert "The studio was closed during training" in unfold(own, "train").text
        assert project_of(again, "Kept").checkpoints()
    finally:
        again.close()
        own.driver.get("about:blank")
        own.errors()  # of the time without a server


def test_a_training_in_a_terminal_is_shown_and_left_alone(page: StudioPage, server: Server) -> None:
    prepared(page, server, "Elsewhere")
    set_option(page, "Start without base weights")
    folder = project_of(server, "Elsewhere").folder
    command = [sys.executable, "-m", "myna", "train", "--epochs", "100000", "--from-scratch", "-d", "cpu"]
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ
    )
    try:
        page.wait(lambda: (folder / "logs" / "44k" / ".lock").stat().st_size, 120)
        page.driver.refresh()
        page.wait(lambda: state(page, "train") == "Running" and f"process {process.pid}" in bar(page), 60)
        assert not page.main_button().is_enabled()
    finally:
        process.kill()
        process.wait()
    page.driver.refresh()
    page.wait(lambda: "interrupted" in page.text("#train-step-train") and page.main_button().is_enabled())


@NEEDS_AXE
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_page_is_accessible(page: StudioPage, size: tuple[int, int]) -> None:
    page.open("train", size)
    page.wait(lambda: page.find(".new-project"))
    assert page.violations("light") == []
    create(page, f"Axe {size[0]}")
    add_recordings(page)
    page.wait(lambda: not page.driver.find_elements(By.CSS_SELECTOR, ".recording-row.checking"))
    for step in ("recordings", "prepare", "train", "compare", "pack"):
        unfold(page, step)
    page.press("Record here")
    page.wait(lambda: page.find(".booth"))
    page.driver.execute_script("document.querySelector('.experts summary').click()")
    page.wait(lambda: page.find(".training-settings .field"))
    assert page.violations("light") == []
    assert fits(page)
    assert page.errors() == []
