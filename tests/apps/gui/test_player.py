"""The values of the A/B player are plain, bounded and true to the recordings; names stay plain text."""

from __future__ import annotations

import base64
import json
import re
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from myna.apps.gui.player import player
from myna.audio.io import Writer, read
from myna.evaluation.report.comparison import MAX_TRACKS, Comparison, Track, compare

SONG = Path(str(files("myna") / "voices" / "song.flac"))
RATE = 44100
MOST_BYTES = 1_000_000


def written(path: Path, audio: np.ndarray, rate: int = RATE) -> Path:
    with Writer(path, rate) as writer:
        writer.write(audio.astype(np.float32))
    return path


def tone(hz: float, seconds: float, amplitude: float = 0.2) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)


def picture(track: dict) -> Image.Image:
    return Image.open(BytesIO(base64.b64decode(track["spectrogram"].removeprefix("data:image/png;base64,"))))


def heights(curve: str) -> np.ndarray:
    """Distances of the points of an SVG path from the top."""
    return np.array([float(point.split(" ")[1]) for point in re.split("[ML]", curve) if point])


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """The bundled song beside itself an octave higher, written at twice its sample rate."""
    audio, rate = read(SONG)
    higher = written(tmp_path_factory.mktemp("songs") / "high.wav", audio, 2 * rate)
    return compare([Track(SONG, "song"), Track(higher, "an octave up", 12)])


def test_a_comparison_is_plain_json_of_bounded_size(song: Comparison) -> None:
    text = json.dumps(song, allow_nan=False)
    assert json.loads(text) == song
    assert len(text) < MOST_BYTES
    for track in song["tracks"]:
        assert Path(track["path"]).is_absolute()
        assert picture(track).width <= 1200


def test_each_track_spans_its_own_part_of_the_timeline(song: Comparison) -> None:
    whole, half = song["tracks"]
    assert (song["seconds"], whole["seconds"], half["seconds"]) == pytest.approx((9.1, 9.1, 4.55), abs=0.01)
    points = [float(point.split(" ")[0]) for point in re.split("[ML]", half["curve"]) if point]
    assert 300 < max(points) <= 501  # of 1000
    assert [label["text"] for label in song["times"]][:2] == ["0 s", "2 s"]
    assert all(0 <= label["place"] <= 100 for label in song["times"] + song["notes"] + song["frequencies"])


def test_all_pitches_are_drawn_where_the_first_result_lies(tmp_path: Path) -> None:
    sung = {hz: written(tmp_path / f"{hz}.wav", tone(hz, 1.0)) for hz in (220, 440, 110)}
    shown = compare([Track(sung[220], "source"), Track(sung[440], "up", 12), Track(sung[110], "down", -12)])
    drawn = [np.median(heights(track["curve"])) for track in shown["tracks"]]
    assert drawn == pytest.approx([drawn[0]] * 3, abs=1)
    # A4, between two lines.
    lines = {label["text"]: label["place"] for label in shown["notes"]}
    assert drawn[0] == pytest.approx((lines["G♯4"] + lines["A♯4"]) / 2, abs=1)


def test_gains_make_all_as_loud_as_the_quietest(tmp_path: Path) -> None:
    pause = np.zeros(2 * RATE)
    loud = written(tmp_path / "loud.wav", np.concatenate([tone(220, 1, 0.4), pause]))
    soft = written(tmp_path / "soft.wav", tone(220, 3, 0.2))
    nothing = written(tmp_path / "silent.wav", pause)
    shown = compare([Track(loud, "loud"), Track(soft, "soft"), Track(nothing, "silent")])
    assert [track["gain"] for track in shown["tracks"]] == pytest.approx([0.5, 1, 1], abs=0.02)


def test_a_silent_and_a_very_short_recording_are_shown(tmp_path: Path) -> None:
    nothing = written(tmp_path / "silent.wav", np.zeros(RATE))
    short = written(tmp_path / "short.wav", tone(220, 0.002))
    for tracks in ([nothing, short], [short, short], [short]):
        shown = compare([Track(path, path.name) for path in tracks])
        json.dumps(shown, allow_nan=False)
        assert all(track["curve"] == "" for track in shown["tracks"])
    silent = compare([Track(nothing, "silent")])["tracks"][0]
    assert np.asarray(picture(silent)).max() == 0  # the darkest colour


def test_five_minutes_and_many_tracks_stay_bounded(tmp_path: Path) -> None:
    audio, rate = read(SONG)
    long = written(tmp_path / "long.flac", np.tile(audio, 33), rate)
    assert len(json.dumps(compare([Track(long, "source"), Track(long, "result")]))) < MOST_BYTES
    many = compare([Track(SONG, str(number)) for number in range(MAX_TRACKS)])
    assert len(json.dumps(many)) < MOST_BYTES
    with pytest.raises(ValueError, match="tracks"):
        compare([Track(SONG, "one too many")] * (MAX_TRACKS + 1))


def test_what_browsers_do_not_play_is_copied(tmp_path: Path) -> None:
    import soundfile

    original = tmp_path / "take.aiff"
    soundfile.write(original, tone(220, 0.5), RATE)
    (track,) = compare([Track(original, "take")], copies=tmp_path / "copies")["tracks"]
    assert Path(track["path"]).parent == tmp_path / "copies"
    assert read(track["path"])[0] == pytest.approx(read(original)[0], abs=1e-4)
    (track,) = compare([Track(SONG, "song")], copies=tmp_path / "copies")["tracks"]
    assert track["path"] == str(SONG)


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>.wav", "${alert(1)}", "{{x}}", "노래.wav"])
def test_a_name_reaches_the_page_as_it_is_and_no_template(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / "a.wav", tone(220, 0.1))
    shown = compare([Track(path, name)])
    component = player(shown)
    assert component.value["tracks"][0]["name"] == name
    assert component.html_template == ""


def test_the_styles_are_no_template_and_the_script_writes_no_html() -> None:
    """Gradio compiles the styles with Handlebars and again as a literal of JavaScript."""
    component = player()
    assert not re.search(r"`|\$\{|\{\{|\\", component.css_template)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", component.js_on_load)


def test_every_text_is_one_that_the_script_shows() -> None:
    component = player()
    script = component.js_on_load
    named = set(re.findall(r"texts\.(\w+)", script)) | set(re.findall(r'named\("(\w+)"', script))
    assert named | {"play", "pause", "loading"} == set(component.props["texts"])
