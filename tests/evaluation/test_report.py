"""The HTML page is self-contained, the plots are correct, and the results survive JSON."""

from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from myna.audio.io import Writer
from myna.evaluation.drawing.curve import pitch_plot
from myna.evaluation.drawing.image import N_BANDS, spectrogram_png
from myna.evaluation.evaluate import Evaluation, evaluate
from myna.evaluation.pairing import Pair
from myna.evaluation.report.page import write_page
from myna.evaluation.report.table import as_plain, file_table, summary_table
from myna.evaluation.scores import MEASURES
from myna.options import EvaluateOptions

RATE = 22050


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    folder = tmp_path_factory.mktemp("sung")
    times = np.arange(RATE) / RATE
    tone = (0.2 * np.sin(2 * np.pi * 220 * times * (1 + times / 8))).astype(np.float32)
    path = folder / "<b>a&b.wav"
    with Writer(path, RATE) as writer:
        writer.write(tone)
    options = EvaluateOptions(similarity=False, words=False, quality=False)
    return evaluate([Pair(path, path), Pair(path, folder / "absent.wav")], options=options)


class Page(HTMLParser):
    """Collects the URLs that a browser would fetch, and the tags."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href", "data", "srcset", "poster")]


def test_the_page_fetches_nothing(evaluation: Evaluation, tmp_path: Path) -> None:
    write_page(evaluation, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert all(url.startswith(("data:", "#take-")) for url in page.fetched)
    assert not re.search(r"https?://|@import|url\(", text)
    assert (page.tags.count("audio"), page.tags.count("img"), page.tags.count("article")) == (2, 2, 1)
    assert "prefers-color-scheme: dark" in text
    # File names are escaped, and failures are listed.
    assert "b" not in page.tags[: page.tags.index("article")] and "&lt;b&gt;a&amp;b.wav" in text
    assert "absent.wav" in text
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_the_tables_have_a_row_per_measure_and_per_file(evaluation: Evaluation) -> None:
    titles = [line.split("  ")[0] for line in summary_table(evaluation).splitlines()]
    assert titles[1:] == [MEASURES[key].title for key in evaluation.summary]
    assert "pitch correlation" in titles
    assert len(file_table(evaluation).splitlines()) == 2


def test_plain_values_survive_json(evaluation: Evaluation) -> None:
    plain = as_plain(evaluation)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["files"][0]["scores"]["f0_close"] == 1
    assert "absent.wav" in plain["failures"][0]


def pixels(picture: bytes) -> np.ndarray:
    """Palette indices of a PNG."""
    image = Image.open(io.BytesIO(picture))
    assert image.mode == "P"
    return np.asarray(image)


def test_a_high_tone_appears_above_a_low_one() -> None:
    times = np.arange(44100) / 44100
    low, high = (np.sin(2 * np.pi * hz * times).astype(np.float32) for hz in (300, 6000))
    picture = pixels(spectrogram_png(np.concatenate([low, high]), 44100))
    assert picture.shape[0] == N_BANDS
    brightest = picture.argmax(axis=0)
    assert brightest[10] > brightest[-10] + 30
    assert not pixels(spectrogram_png(np.zeros(100, np.float32), 44100))[:, 1:].any()


def test_a_pitch_plot_has_gaps_and_marks_errors() -> None:
    source = np.full(100, 220.0)
    source[40:60] = 0
    converted = source * 2
    converted[80:90] *= 2 ** (2 / 12)
    converted[95:] = 0
    plot = pitch_plot(source, converted, 12)
    paths = dict(re.findall(r'<path class="([\w-]+)" d="([^"]*)"', plot.svg))
    assert paths["wanted"].count("M") == 2
    assert paths["off"] == "M800.00 0H900.00V1H800.00"
    assert paths["one-only"] == "M950.00 0H1000.00V1H950.00"
    assert "A4" in [name for name, _ in plot.notes] or len(plot.notes) >= 2
    assert pitch_plot(np.zeros(50), np.zeros(50), 0).svg
