"""Jobs in a real browser: what is running, how it ended and why, and what a person can do about it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from asking import ask, ended, send, wait_until
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from studio_page import DESKTOP, PHONE, SONG, Server, StudioPage, port_of, start_server

import processes
from myna.assets import BUNDLED_VOICES
from myna.studio.job_list import JobList
from myna.studio.workspace import Workspace

JOE = BUNDLED_VOICES / "joe"


def card(page: StudioPage, title: str) -> WebElement:
    """Return the card of the newest job whose title contains a text."""
    cards = page.driver.find_elements(By.CSS_SELECTOR, ".jobs .job-card")
    return next(one for one in cards if one.is_displayed() and title in one.text)


def within(element: WebElement, name: str) -> WebElement:
    """Return a button in an element by its name."""
    buttons = element.find_elements(By.CSS_SELECTOR, "button, a, summary")
    return next(one for one in buttons if one.is_displayed() and one.accessible_name.strip() == name)


def show(page: StudioPage, which: str) -> None:
    """Choose which jobs are shown."""
    labels = page.driver.find_elements(By.CSS_SELECTOR, ".job-filter label")
    next(one for one in labels if one.text.startswith(which)).click()


def sing(server: Server, voice: str, song: Path = SONG) -> int:
    """Start a conversion and return the number of its job."""
    sent = {"upload": send(server, song), "voice": voice, "options": {}}
    return int(ask(server, "POST", "convert", sent)["id"])


def damaged_voice(server: Server, name: str) -> Path:
    """Add a voice whose weights end too early, and return the path of the weights."""
    folder = server.folder / "voices" / name
    shutil.copytree(JOE, folder)
    weights = next(path for path in folder.iterdir() if path.suffix in (".pth", ".safetensors"))
    weights.write_bytes(weights.read_bytes()[:1000])
    return weights


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_job_that_fails_says_why_and_can_be_tried_again(
    page: StudioPage, server: Server, size: tuple[int, int]
) -> None:
    name = f"damaged {size[0]}"
    weights = damaged_voice(server, name)
    failed = ended(server, sing(server, name))
    assert failed["state"] == "failed"

    page.open("jobs", size)
    page.wait(lambda: "Failed" in card(page, name).text)
    assert failed["error"] in card(page, name).text
    show(page, "Not finished")
    assert name in page.text(".jobs")

    shutil.copyfile(JOE / weights.name, weights)
    within(card(page, name), "Try again").click()
    wait_until(lambda: all(job["state"] == "done" for job in ask(server, "GET", "jobs") if name in job["title"]), 120)
    show(page, "All")
    page.wait(lambda: "Done in" in card(page, name).text)
    page.wait(lambda: within(card(page, name), "Listen")).click()
    page.wait(lambda: page.text("h1") == "Sing" and page.find(".player"))


def test_a_waiting_job_can_be_cancelled_and_the_list_cleared(page: StudioPage, server: Server) -> None:
    page.open("jobs")
    sing(server, "joe")
    sing(server, "joe")
    page.wait(lambda: within(card(page, "song"), "Stop")).click()
    page.wait(lambda: "Stopped" in page.text(".jobs"))
    for job in ask(server, "GET", "jobs"):
        ended(server, job["id"])
    page.wait(lambda: page.button("Clear finished").is_enabled())
    page.press("Clear finished")
    page.wait(lambda: "No jobs yet" in page.text(".jobs"))
    assert ask(server, "GET", "jobs") == []


def test_a_log_is_read_on_demand_and_follows_its_job(page: StudioPage, server: Server) -> None:
    """A job of the terminal, which the page lists but cannot stop."""
    jobs = JobList(Workspace(server.folder))
    try:
        with jobs.listed("train", "choir: training", about={"project": "choir"}) as row:
            row.progress("step 10", 0.25, 90.0)
            row.line("step 10 saved")
            page.open("jobs")
            page.wait(lambda: "25" in card(page, "choir").text)
            assert "Terminal" in card(page, "choir").text
            assert "press Ctrl-C" in card(page, "choir").text
            assert "step 10 saved" not in page.text(".jobs")
            within(card(page, "choir"), "Show the log").click()
            page.wait(lambda: "step 10 saved" in card(page, "choir").text)
            row.line("step 20 saved")
            page.wait(lambda: "step 20 saved" in card(page, "choir").text)
        page.wait(lambda: "Done" in card(page, "choir").text)
    finally:
        jobs.close()


_LEAVES = """
import os, sys
from pathlib import Path
from myna.studio.job_list import JobList
from myna.studio.workspace import Workspace
with JobList(Workspace(Path(sys.argv[1]))).listed("train", "left alone"):
    os._exit(1)
"""


def test_a_job_whose_process_is_gone_is_shown_as_gone(page: StudioPage, server: Server) -> None:
    process = processes.start([sys.executable, "-c", _LEAVES, str(server.folder)])
    process.wait(60)
    page.open("jobs")
    page.wait(lambda: "Gone" in card(page, "left alone").text)
    assert "ended without reporting a result" in card(page, "left alone").text


def test_what_a_killed_studio_did_is_interrupted_and_goes_on(
    chromium: Callable[..., webdriver.Chrome], tmp_path: Path
) -> None:
    first = start_server(tmp_path)
    page = StudioPage(chromium(), first.url)
    page.open("jobs")
    numbers = [sing(first, "joe") for _ in range(3)]
    page.wait(lambda: "song" in page.text(".jobs"))
    processes.end(first.process)
    page.wait(lambda: "does not answer" in page.text("main"))
    second = start_server(tmp_path, port=port_of(first))
    try:
        last = ask(second, "GET", f"jobs/{numbers[-1]}")
        assert last["state"] == "interrupted"
        page.wait(lambda: "Interrupted" in page.text(".jobs"))
        assert "The studio was closed before this job was done." in page.text(".jobs")
        within(card(page, "Interrupted"), "Try again").click()
        page.wait(lambda: "Done in" in page.text(".jobs"), 120)
    finally:
        second.close()


def test_the_top_bar_shows_what_is_at_work(page: StudioPage, server: Server) -> None:
    page.open("voices")
    jobs = JobList(Workspace(server.folder))
    try:
        with jobs.listed("train", "choir: training") as row:
            row.progress("step 10", 0.25, 90.0)
            page.wait(lambda: page.text(".jobs-menu .count") == "1")
            page.press("Jobs: 1 running or waiting")
            page.wait(lambda: "choir: training" in page.text(".jobs-list"))
            page.press("All jobs")
            page.wait(lambda: page.text("h1") == "Jobs")
            assert not page.text(".jobs-list")
    finally:
        jobs.close()
