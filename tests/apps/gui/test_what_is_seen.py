"""What a person sees without reloading: results, training samples and comparisons; and that nothing stops a player."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from browsing import SONG, OpenStudio, Page
from selenium.webdriver.common.keys import Keys

from myna.apps.gui.jobs import Report
from myna.progress import seconds_left

pytestmark = pytest.mark.timeout(900)
RECORDINGS = sorted((Path(__file__).parents[3] / "examples" / "recordings" / "ljspeech").glob("*"))[:6]


def song(folder: Path, name: str, seconds: float) -> Path:
    audio, rate = soundfile.read(SONG)
    long = np.resize(audio, round(seconds * rate))
    soundfile.write(folder / f"{name}.flac", long, rate)
    return folder / f"{name}.flac"


def result(page: Page) -> str:
    return str(page.find("#result input").get_attribute("value"))


def position(page: Page) -> float:
    return float(page.find("#player .times").get_attribute("aria-valuenow"))


def playing(page: Page) -> bool:
    return page.find("#player .play").get_attribute("data-state") == "pause"


def sing(page: Page, path: Path) -> None:
    if page.driver.find_elements("css selector", "#songs button[aria-label=Clear]"):
        page.click("#songs button[aria-label=Clear]")
    page.send("#songs", path)
    page.click("#sing")


def test_each_result_appears_and_none_touches_what_plays(page: Page, studio: OpenStudio, tmp_path: Path) -> None:
    for number, name in enumerate(("first", "long"), 1):
        sing(page, song(tmp_path, name, 2 if number == 1 else 30))
        page.wait(lambda name=name, number=number: result(page) == f"{number}: {name}.flac → joe", 240)
        page.wait(lambda name=name: f"{name}.flac" in page.text("#player") and f"infer {name}" in command(page))
    page.driver.execute_script(
        "window.stops = 0; const stop = AudioBufferSourceNode.prototype.stop;"
        "AudioBufferSourceNode.prototype.stop = function (...when) { window.stops++; return stop.apply(this, when); };"
    )
    sing(page, song(tmp_path, "third", 1))
    page.click("#player .play")
    page.wait(lambda: playing(page) and position(page) > 0.2)
    page.driver.execute_script("arguments[0].dataset.same = 'yes'", page.find("#player .player"))
    # Another download format does not stop it either.
    page.driver.execute_script("document.querySelectorAll('#format input')[1].click()")
    page.wait(lambda: "third.flac" in page.text("#queue .done"), 25)
    before = position(page)
    page.wait(lambda: position(page) > before + 1, 10)
    assert playing(page) and page.find("#player .player").get_attribute("data-same") == "yes"
    assert page.driver.execute_script("return window.stops") == 0
    assert result(page) == "2: long.flac → joe" and "long.flac" in page.text("#player")
    # The new one is in the list.
    page.click("#player .play")
    page.choose("#result", "third.flac")
    page.wait(lambda: "third.flac" in page.text("#player"))


def command(page: Page) -> str:
    return str(page.find("#command textarea").get_attribute("value"))


def test_a_result_is_deleted_only_after_a_question(page: Page, studio: OpenStudio, tmp_path: Path) -> None:
    sing(page, song(tmp_path, "gone", 1))
    page.wait(lambda: "gone.flac" in result(page), 240)
    path = studio.folder / "sung" / "gone (joe).wav"
    for refuse in ("button", "Escape", "Enter"):
        page.click("#delete")
        page.wait(
            lambda: page.text("#result-question") == f"Delete gone.flac → joe for good, with its file {path.name}?"
        )
        page.wait(lambda: page.driver.switch_to.active_element.get_attribute("id") == "result-no")
        if refuse == "button":
            page.click("#result-no")
        else:
            page.driver.switch_to.active_element.send_keys(getattr(Keys, refuse.upper()))
        page.wait(lambda: not page.text("#result-yes"))
        page.wait(lambda: page.driver.switch_to.active_element.get_attribute("id") == "delete")
        assert path.is_file() and "gone.flac" in result(page)
    page.click("#delete")
    page.wait(lambda: page.driver.switch_to.active_element.get_attribute("id") == "result-no")
    page.driver.switch_to.active_element.send_keys(Keys.SHIFT, Keys.TAB)
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)
    page.wait(lambda: not path.exists() and "gone.flac" not in result(page) and not page.text("#result-yes"))


def test_a_preset_is_deleted_only_after_a_question(page: Page, studio: OpenStudio) -> None:
    kept = studio.folder / "presets" / "mine.json"
    page.unfold("Presets")
    page.wait(lambda: page.find("#preset-name :is(input, textarea)").is_displayed())
    page.find("#preset-name :is(input, textarea)").send_keys("mine")
    page.click("#preset-save")
    page.wait(kept.is_file)
    page.click("#preset-delete")
    page.wait(lambda: page.text("#preset-question") == "Delete the preset mine?")
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    page.wait(lambda: not page.text("#preset-yes"))
    assert kept.is_file()
    page.click("#preset-delete")
    page.wait(lambda: page.find("#preset-yes").is_displayed())
    page.click("#preset-yes")
    page.wait(lambda: not kept.exists())


def fill(page: Page, selector: str, text: str) -> None:
    field = page.wait(lambda: page.find(f"{selector} :is(input, textarea)"))
    page.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", field)
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(text, Keys.TAB)


def test_each_sample_and_each_comparison_appears(page: Page, studio: OpenStudio) -> None:
    folder = studio.folder / "training" / "Linda"
    page.tab("Train a voice")
    page.wait(lambda: page.find("#voice-name :is(input, textarea)").is_displayed())
    page.find("#voice-name :is(input, textarea)").send_keys("Linda")
    page.click("#voice-create")
    page.wait(lambda: page.find("#voice-step-1").is_displayed())
    page.find("#voice-files input[type=file]").send_keys("\n".join(map(str, RECORDINGS)))
    page.wait(lambda: len(list(folder.glob("dataset_raw/Linda/*"))) == len(RECORDINGS))
    page.unfold("2. ")
    for name, value in (("batch_size", "2"), ("epochs", "8"), ("eval_interval", "6")):
        fill(page, f"#voice-{name}", value)
    page.unfold("3. ")
    page.click("#voice-prepare")
    page.wait(lambda: "training clips" in page.text("#voice-prepared"), 240)
    page.unfold("4. ")
    page.wait(lambda: page.find("#voice-train").is_enabled())
    page.click("#voice-train")
    seen: set[int] = set()

    def heard() -> bool:
        seen.update(int(step) for step in re.findall(r"Sung at step (\d+)", page.text("#voice-sample-player")))
        return "Done:" in page.text("#voice-training")

    page.wait(heard, 500)
    last = max(int(path.stem[2:]) for path in folder.glob("logs/44k/G_*.pth"))
    page.wait(lambda: heard() and last in seen, 30)
    assert len(seen) >= 3, seen
    page.unfold("5. ")
    page.wait(lambda: page.find("#voice-measure input").is_displayed())
    page.click("#voice-measure input")
    for times in (1, 2):
        # The first one has two checkpoints, the second one more.
        for _ in range(2 if times == 1 else 1):
            page.click("#voice-saves label:not(:has(:checked))")
        page.click("#voice-compare")
        shown = times + 1
        page.wait(lambda shown=shown: len(re.findall(r"Step \d+", tracks(page))) == shown, 240)


def tracks(page: Page) -> str:
    return page.text("#voice-comparison .tracks")


def test_no_time_is_estimated_before_ten_seconds_and_three_percent() -> None:
    assert seconds_left(50, 100, 9.9) is None and seconds_left(2, 100, 1000) is None
    assert seconds_left(3, 100, 30) == pytest.approx(970) and seconds_left(100, 100, 30) == 0
    assert seconds_left(0, 0, 30) is None and seconds_left(5, None, 30) is None and seconds_left(0, 100, 30) is None
    sent = []
    Report(lambda kind, value: sent.append(value)).at("training", 40, 100, 9.0)
    Report(lambda kind, value: sent.append(value)).at("training", 40, 100, 10.0)
    assert sent == [("training", 0.4, None), ("training", 0.4, pytest.approx(15))]
