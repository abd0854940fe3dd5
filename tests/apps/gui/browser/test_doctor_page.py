"""Check-up in a real browser: findings first, each with what to do, then the facts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from asking import ask
from selenium import webdriver
from selenium.webdriver.common.by import By
from studio_page import DESKTOP, PHONE, Server, StudioPage, start_server


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_facts_are_those_of_svc_doctor(page: StudioPage, server: Server, size: tuple[int, int]) -> None:
    found = {check["name"]: check for check in ask(server, "GET", "doctor")["checks"]}
    page.open("doctor", size)
    page.wait(lambda: "Computer" in page.text(".doctor"))
    shown = page.text(".doctor")
    for name in ("torch", "device", "python", "sound"):
        assert found[name]["text"] in shown
    assert "Microphone of this browser" in shown
    assert page.driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")


def test_a_finding_has_its_command(
    chromium: Callable[..., webdriver.Chrome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    server = start_server(tmp_path)  # the variable is read when a library is imported
    try:
        page = StudioPage(chromium(), server.url)
        page.open("doctor")
        page.wait(lambda: "HF_HUB_OFFLINE is set" in page.text(".findings"))
        assert "unset HF_HUB_OFFLINE" in page.text(".finding .remedy")
        first = page.find(".findings").rect["y"]
        assert all(first < card.rect["y"] for card in page.driver.find_elements(By.CSS_SELECTOR, ".doctor .card"))
        page.button("Copy the command unset HF_HUB_OFFLINE")
    finally:
        server.close()


def test_the_report_can_be_copied(page: StudioPage) -> None:
    page.open("doctor")
    page.driver.execute_cdp_cmd(
        "Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    )
    page.wait(lambda: page.main_button().is_enabled())
    page.main_button().click()
    page.wait(lambda: "Copied." in page.text(".toasts"))
    text = page.driver.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
    assert text.startswith("myna ")
    assert "PyTorch: " in text
    assert "browser: Mozilla" in text


def test_what_is_not_here_can_be_downloaded(page: StudioPage, server: Server) -> None:
    absent = [asset for asset in ask(server, "GET", "assets") if not asset["here"]]
    assert absent, "the base weights of some kinds of voices are on no test machine"
    page.open("doctor")
    page.wait(lambda: page.find(".part-files summary"))
    page.driver.execute_script("document.querySelector('.part-files details').open = true")
    page.wait(lambda: any(name.startswith(f"Download {absent[0]['title']}") for name in downloads(page)))


def downloads(page: StudioPage) -> list[str]:
    """Return the names of the buttons that download something."""
    buttons = page.driver.find_elements(By.CSS_SELECTOR, ".part-files button")
    return [one.accessible_name for one in buttons if one.is_displayed()]
