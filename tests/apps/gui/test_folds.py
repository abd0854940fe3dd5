"""Opening a fold changes no option, and an error of a value names its field; seen in a browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import soundfile
from browsing import SONG, OpenStudio, Page
from selenium.webdriver.common.by import By

from myna.apps.gui.page import TABS
from myna.apps.gui.texts import texts
from myna.config import TrainConfig
from myna.keys import page_keys

pytestmark = pytest.mark.timeout(600)
RECORDINGS = sorted((Path(__file__).parents[3] / "examples" / "recordings" / "ljspeech").glob("*"))[:3]

_LISTEN = """
if (!window.sent) {
  window.sent = [];
  const send = window.fetch;
  window.fetch = (address, options) => {
    if (typeof options?.body === "string") window.sent.push(options.body);
    return send(address, options);
  };
}
window.sent.length = 0;
"""


@pytest.fixture(scope="module")
def short_song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    audio, rate = soundfile.read(SONG)
    path = tmp_path_factory.mktemp("songs") / "short.wav"
    soundfile.write(path, audio[: 2 * rate], rate)
    return path


def submitted(page: Page, button: str, n_values: int) -> list[Any]:
    """Press a button and return the values that the page sends, an empty one as None."""
    page.driver.execute_script(_LISTEN)
    page.click(button)

    def found() -> list[Any] | None:
        sent = [json.loads(body) for body in page.driver.execute_script("return window.sent")]
        return next((one["data"] for one in sent if len(one.get("data", [])) == n_values), None)

    return [None if value == "" else value for value in page.wait(found)]


def unfold_all(page: Page) -> int:
    """Open every closed fold that is shown, also those inside others; return how many there were."""
    opened = 0
    while closed := page.driver.execute_script(
        "return [...document.querySelectorAll('button.label-wrap:not(.open)')].filter((one) => one.offsetParent)"
    ):
        page.driver.execute_script("arguments[0].scrollIntoView({block: 'center'}); arguments[0].click()", closed[0])
        page.wait(lambda: "open" in closed[0].get_attribute("class"))
        opened += 1
    return opened


def sing(page: Page) -> tuple[list[Any], str]:
    """Sing and return the submitted options and the command line that the page shows."""
    shown = page.find("#result input").get_attribute("value")
    options = submitted(page, "#sing", 20)
    page.wait(lambda: page.find("#result input").get_attribute("value") != shown, 120)
    return options, page.wait(lambda: page.find("#command textarea").get_attribute("value"))


def test_opening_every_fold_changes_neither_options_nor_command(page: Page, short_song: Path) -> None:
    page.wait(lambda: "joe" in page.text("#ConversionOptions-speaker") or page.find("#sing").is_enabled())
    page.send("#songs", short_song)
    page.wait(lambda: "Hz" in page.text("#suggestion"))
    before = sing(page)
    n_folds = 0
    for tab in TABS.values():
        page.tab(texts("en")[tab])
        n_folds += unfold_all(page)
    assert n_folds >= 4 + 3  # in Sing and Voices
    page.tab("Sing")
    after = sing(page)
    assert after[0][1:] == before[0][1:]  # the first is the song
    assert after[1] == before[1] == "svc infer short.wav -m joe --speaker joe"


def test_opening_every_fold_lets_a_voice_be_prepared(page: Page, studio: OpenStudio) -> None:
    page.tab("Train a voice")
    page.wait(lambda: page.find("#voice-name :is(input, textarea)").is_displayed())
    page.find("#voice-name :is(input, textarea)").send_keys("Linda")
    page.click("#voice-create")
    page.wait(lambda: page.find("#voice-step-1").is_displayed())
    assert unfold_all(page) >= 6
    page.find("#voice-files input[type=file]").send_keys("\n".join(map(str, RECORDINGS)))
    folder = studio.folder / "training" / "Linda"
    page.wait(lambda: len(list(folder.glob("dataset_raw/Linda/*"))) == len(RECORDINGS))
    shown = {name: number(page, name) for name in page_keys(TrainConfig)}
    assert shown["epochs"] == "10000" and "0" not in shown.values()
    # A wrong value is refused, with its field.
    for value, said in (("0", "batch_size must be at least 1"), ("two", "batch_size: 'two' is not a whole number")):
        fill(page, "#voice-batch_size", value)
        page.wait(lambda said=said: said in page.text("#voice-arithmetic"))
        page.click("#voice-prepare")
        page.wait(lambda said=said: said in page.text(".toast-body, .toast-wrap"))
        assert not folder.joinpath("configs").exists()
    fill(page, "#voice-batch_size", "")
    page.click("#voice-prepare")
    page.wait(lambda: "training clips" in page.text("#voice-prepared"), 180)
    config = json.loads((folder / "configs" / "44k" / "config.json").read_text("utf-8"))
    assert config["train"]["batch_size"] == "auto" and config["train"]["epochs"] == int(shown["epochs"])


def test_a_value_out_of_its_range_names_its_field(page: Page, short_song: Path) -> None:
    page.send("#songs", short_song)
    slider = page.find("#ConversionOptions-transpose input[type=number]")
    page.driver.execute_script(
        "arguments[0].value = '99'; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))", slider
    )
    page.click("#sing")
    page.wait(lambda: "Transpose / 조옮김: Value 99 is greater" in page.text("body"))


def field(page: Page, selector: str) -> Any:
    return page.driver.find_element(By.CSS_SELECTOR, f"{selector} :is(input, textarea)")


def number(page: Page, name: str) -> str:
    return str(field(page, f"#voice-{name}").get_attribute("value"))


def fill(page: Page, selector: str, text: str) -> None:
    one = field(page, selector)
    page.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", one)
    one.clear()
    one.send_keys(text or " \b")
