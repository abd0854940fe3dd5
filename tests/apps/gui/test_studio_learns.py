"""The training tab in a browser: from recordings or the microphone to a voice that sings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from browsing import SONG, OpenStudio, Page
from selenium import webdriver
from selenium.webdriver.common.keys import Keys

Chromium = Callable[..., webdriver.Chrome]

pytestmark = pytest.mark.timeout(600)
RECORDINGS = sorted((Path(__file__).parents[3] / "examples" / "recordings" / "ljspeech").glob("*"))
NAME = "Linda"


def begin_voice(page: Page, name: str) -> None:
    page.tab("Train a voice")
    page.wait(lambda: page.find("#voice-name input, #voice-name textarea").is_displayed())
    page.find("#voice-name input, #voice-name textarea").send_keys(name)
    page.click("#voice-create")
    page.wait(lambda: page.find("#voice-step-1").is_displayed())


def fill(page: Page, selector: str, text: str) -> None:
    field = page.wait(lambda: page.find(f"{selector} input"))
    page.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", field)
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(text, Keys.TAB)


def test_a_voice_is_trained_to_its_end_and_sings(page: Page, studio: OpenStudio) -> None:
    folder = studio.folder / "training" / NAME
    begin_voice(page, NAME)
    page.find("#voice-files input[type=file]").send_keys("\n".join(map(str, RECORDINGS[:6])))
    page.wait(lambda: len(list(folder.glob(f"dataset_raw/{NAME}/*"))) == 6)
    page.unfold("2. ")
    fill(page, "#voice-batch_size", "2")
    fill(page, "#voice-epochs", "1")
    page.unfold("3. ")
    page.click("#voice-prepare")
    page.wait(lambda: (folder / "configs" / "44k" / "config.json").is_file(), 120)
    page.wait(lambda: "100" not in page.text("#voice-jobs") and not page.text("#voice-jobs"), 120)
    page.unfold("4. ")
    page.wait(lambda: page.find("#voice-train").is_enabled())
    page.click("#voice-train")
    # A page opened during the training shows it.
    page.wait(lambda: NAME in page.text("#voice-jobs"))
    page.open()
    page.tab("Train a voice")
    page.wait(lambda: list(folder.glob("logs/44k/G_*.pth")), 240)
    page.wait(lambda: not page.text("#voice-jobs"), 60)
    # The voice is in the list, and sings.
    page.open()
    page.choose("#voice", NAME)
    page.wait(lambda: "LJ" in page.text("#card") or NAME in page.text("#card"))
    page.send("#songs", SONG)
    page.click("#sing")
    page.wait(lambda: list(studio.folder.glob(f"sung/song ({NAME}*).wav")), 120)
    (sung,) = studio.folder.glob(f"sung/song ({NAME}*).wav")
    assert np.sqrt(np.mean(soundfile.read(sung)[0] ** 2)) > 0.005


def test_a_sentence_is_read_into_the_booth_and_checked(studio: OpenStudio, chromium: Chromium, tmp_path: Path) -> None:
    """Chromium's fake microphone plays a file."""
    heard = tmp_path / "heard.wav"
    audio, rate = soundfile.read(RECORDINGS[0])
    soundfile.write(heard, audio, rate)
    flags = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    page = Page(chromium(*flags, f"--use-file-for-fake-audio-capture={heard}", size="1280,1600"), studio.url)
    page.open()
    begin_voice(page, "Booth")
    page.unfold("Record here")
    page.click("#voice-booth .record")
    page.wait(lambda: page.text("#voice-booth .clock") > "3", 30)
    page.click("#voice-booth .record")
    page.wait(lambda: page.find("#voice-booth .keep").is_displayed() and page.find("#voice-booth .keep").is_enabled())
    page.click("#voice-booth .keep")
    (take,) = page.wait(lambda: list(studio.folder.glob("training/Booth/dataset_raw/Booth/**/*.wav")))
    recorded, recorded_rate = soundfile.read(take)
    assert 2.5 < len(recorded) / recorded_rate < 30 and np.sqrt(np.mean(recorded**2)) > 0.01


def test_without_a_microphone_the_booth_says_so(studio: OpenStudio, chromium: Chromium) -> None:
    page = Page(chromium("--deny-permission-prompts", size="1280,1600"), studio.url)
    page.open()
    begin_voice(page, "Deaf")
    page.unfold("Record here")
    page.click("#voice-booth .record")
    page.wait(lambda: "microphone" in page.text("#voice-booth").lower())
