"""The first tab of the studio in a browser: convert songs, follow and stop jobs, reopen the page."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlparse

import numpy as np
import pytest
import soundfile
from browsing import SONG, OpenStudio, Page
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from myna.assets import BUNDLED_VOICES
from myna.voice import find_weights

Chromium = Callable[..., webdriver.Chrome]

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def long_song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three minutes of singing."""
    audio, rate = soundfile.read(SONG)
    path = tmp_path_factory.mktemp("songs") / "long.flac"
    soundfile.write(path, np.tile(audio, 1 + int(180 * rate / len(audio))), rate)
    return path


def test_a_phrase_is_converted_and_played(page: Page, studio: OpenStudio) -> None:
    page.send("#songs", SONG)
    page.wait(lambda: "147 Hz" in page.text("#suggestion"))
    page.click("#sing")
    page.wait(lambda: "done" in page.text("#queue"), 120)
    (sung,) = studio.folder.glob("sung/*.wav")
    source, result = (soundfile.info(path) for path in (SONG, sung))
    assert result.duration == pytest.approx(source.duration, abs=0.001)
    assert np.sqrt(np.mean(soundfile.read(sung)[0] ** 2)) > 0.01
    # The player shows it beside its source, in a format that the browser plays.
    page.wait(lambda: "joe" in page.text("#player"))
    page.click("#player button")
    page.wait(lambda: page.driver.execute_script("return document.querySelector('#player .time, #player')") is not None)
    assert "svc infer song.flac -m joe" in page.find("#command textarea").get_attribute("value")
    assert not [line for line in page.errors() if "favicon" not in line and "manifest" not in line]


def test_the_page_loads_nothing_from_the_network(page: Page) -> None:
    hosts = {urlparse(address).hostname for address in page.addresses() if address.startswith(("http", "ws"))}
    assert hosts == {"127.0.0.1"}


def test_a_job_is_found_again_by_a_new_page_and_stopped(page: Page, studio: OpenStudio, long_song: Path) -> None:
    before = sorted(studio.folder.glob("sung/*"))
    page.send("#songs", long_song)
    page.click("#sing")
    page.wait(lambda: "long.flac" in page.text("#queue .running"))
    page.open()
    page.wait(lambda: "long.flac" in page.text("#queue .running"))
    page.click("#queue .running button")
    page.wait(lambda: "stopped" in page.text("#queue .job"))
    assert sorted(studio.folder.glob("sung/*")) == before


def test_two_people_at_once_are_served_one_after_the_other(
    page: Page, studio: OpenStudio, chromium: Chromium, tmp_path: Path
) -> None:
    other = Page(chromium(), studio.url)
    other.open()
    audio, rate = soundfile.read(SONG)
    for one, name in ((page, "mine"), (other, "theirs")):
        soundfile.write(tmp_path / f"{name}.wav", audio[: 2 * rate], rate)
        one.send("#songs", tmp_path / f"{name}.wav")
    page.click("#sing")
    other.click("#sing")
    for name in ("mine", "theirs"):
        page.wait(lambda name=name: (studio.folder / "sung" / f"{name} (joe).wav").exists())
    assert "mine.wav" in other.text("#queue") and "theirs.wav" in page.text("#queue")


def test_a_file_that_is_not_audio_is_an_error_and_the_page_still_works(page: Page, tmp_path: Path) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_text("this is no sound")
    page.send("#songs", bad)
    page.click("#sing")
    page.wait(lambda: "bad.wav is text, not sound" in page.text("#queue .failed"))
    assert page.find("#sing").is_enabled()


def test_a_name_is_text(page: Page, studio: OpenStudio, tmp_path: Path) -> None:
    evil = tmp_path / "<img src=x onerror=document.title=1>${document.title=2}.wav"
    audio, rate = soundfile.read(SONG)
    soundfile.write(evil, audio[:rate], rate)
    page.find("#songs input[type=file]").send_keys(str(evil))
    page.wait(lambda: "img" in page.text("#songs"))
    page.click("#sing")
    page.wait(lambda: "img" in page.text("#queue .done"))
    page.wait(lambda: "img" in page.text("#player"))
    assert page.driver.title == "myna"
    assert not page.driver.find_elements(By.CSS_SELECTOR, "img[src=x]")


def test_without_a_song_the_page_asks_for_one(page: Page) -> None:
    page.click("#sing")
    page.wait(lambda: "choose a song first" in page.text("body"))


def test_options_come_from_their_dataclass_and_are_kept_as_presets(page: Page, studio: OpenStudio) -> None:
    number = page.find("#ConversionOptions-transpose input[type=number]")
    number.send_keys(Keys.CONTROL, "a")
    number.send_keys("-12", Keys.TAB)
    page.unfold("Presets")
    page.wait(lambda: page.find("#preset-name textarea, #preset-name input").is_displayed())
    page.find("#preset-name textarea, #preset-name input").send_keys("low")
    page.click("#preset-save")
    page.wait(lambda: (studio.folder / "presets" / "low.json").is_file())
    assert '"transpose": -12' in (studio.folder / "presets" / "low.json").read_text()


def test_the_page_is_korean_in_a_korean_browser(studio: OpenStudio, chromium: Chromium) -> None:
    korean = Page(chromium(language="ko"), studio.url)
    korean.open()
    assert korean.text("#sing") == "부르기"
    assert "음높이를 옮길 반음 수" in korean.text("#ConversionOptions-transpose")


def test_a_song_is_recorded(studio: OpenStudio, chromium: Chromium, tmp_path: Path) -> None:
    """Chromium's fake microphone plays a file."""
    audio, rate = soundfile.read(SONG)
    heard = tmp_path / "heard.wav"
    soundfile.write(heard, audio, rate)
    flags = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    page = Page(chromium(*flags, f"--use-file-for-fake-audio-capture={heard}"), studio.url)
    page.open()
    page.unfold("Record one")
    started = time.monotonic()
    page.click("#recorded button.record-button, #recorded .record")
    page.wait(lambda: page.find("#recorded button.stop-button").is_displayed())
    page.wait(lambda: seconds_recorded(page) >= 3)
    page.click("#recorded button.stop-button")
    elapsed = time.monotonic() - started  # the recorder's own clock lags on a slow computer
    page.wait(lambda: "Hz" in page.text("#suggestion"))
    n_before = len(list(studio.folder.glob("sung/*.wav")))
    page.click("#sing")
    page.wait(lambda: len(list(studio.folder.glob("sung/*.wav"))) > n_before, 120)
    newest = max(studio.folder.glob("sung/*.wav"), key=lambda path: path.stat().st_mtime)
    sung, sung_rate = soundfile.read(newest)
    assert 2 < len(sung) / sung_rate < elapsed + 3 and np.sqrt(np.mean(sung**2)) > 0.01


def seconds_recorded(page: Page) -> int:
    """The later of the recorder's two clocks; a slow computer shows not every second."""
    return max(
        (60 * int(minutes) + int(rest) for minutes, rest in re.findall(r"(\d):(\d\d)", page.text("#recorded"))),
        default=0,
    )


def test_another_voice_is_dropped_beside_the_song(page: Page, studio: OpenStudio) -> None:
    weights = find_weights(BUNDLED_VOICES / "joe")
    page.unfold("Another voice")
    page.send("#voice-file", weights, weights.with_name("config.json"))
    page.click("#voice-add")
    page.wait(lambda: page.find("#voice input").get_attribute("value") == weights.stem)
    page.send("#songs", SONG)
    page.click("#sing")
    page.wait(lambda: (studio.folder / "sung" / f"song ({weights.stem}).wav").exists(), 120)
