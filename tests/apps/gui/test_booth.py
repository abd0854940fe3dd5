"""The booth without a browser: its values, its events, and the files that it may read."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from myna.apps.gui import booth as module
from myna.apps.gui.booth import TEXTS, booth, checked, melody_prompt, read_take, refused, sentence_prompt, shown
from myna.errors import AudioError
from myna.studio.prompts import VOICES, guide_tone, melodies, root_for, sentences
from myna.studio.take_report import PROBLEMS
from myna.studio.takes import check_take

RATE = 44100
FOLDER = Path(module.__file__).parent


class Event:
    """Stand-in for Gradio's event data."""

    def __init__(self, data: object) -> None:
        self._data = data


def take_in(folder: Path) -> Path:
    path = folder / "0123abc" / "take.wav"
    path.parent.mkdir(parents=True)
    soundfile.write(path, np.zeros(RATE), RATE, subtype="PCM_24")
    return path


def test_a_prompt_is_plain_json() -> None:
    value = shown(sentence_prompt(sentences()[0], number=3, total=200, texts={"read": "소리 내어 읽으세요"}))
    assert json.loads(json.dumps(value)) | {"notes": ()} == value
    assert value is not None
    assert (value["title"], value["text"]) == ("소리 내어 읽으세요", "The birch canoe slid on the smooth planks.")
    assert (value["kind"], value["number"], value["total"], value["guide"]) == ("spoken", 3, 200, None)
    assert shown(None) is None


def test_a_melody_comes_with_its_tone() -> None:
    melody = next(melody for melody in melodies() if melody.key == "jacques")
    root = root_for(melody, VOICES["alto"])
    prompt = melody_prompt(melody, root, number=1, total=50, titles={"jacques": "자크"}, hints={})
    assert (prompt.kind, prompt.title, prompt.language) == ("sung", "자크", "fr")
    assert len(prompt.notes) == len(melody.notes) and prompt.guide is not None
    head, _, data = prompt.guide.partition(",")
    assert head == "data:audio/wav;base64"
    audio, rate = soundfile.read(io.BytesIO(base64.b64decode(data)))
    np.testing.assert_allclose(audio, guide_tone(melody, root, rate), atol=1 / 32768)
    json.dumps(shown(prompt))


def test_a_take_of_the_upload_folder_is_read(tmp_path: Path) -> None:
    path = take_in(tmp_path)
    take = read_take(Event({"path": str(path), "number": 7, "kind": "sung"}), tmp_path)  # type: ignore[arg-type]
    assert (take.path, take.number, take.kind) == (path, 7, "sung")
    assert read_take(Event({"path": str(path), "number": "7"}), tmp_path).number is None  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", ["/etc/passwd", "up/../../secret.wav", "up", "up/none.wav", "up/link.wav", "a\0b", 3])
def test_no_other_file_is_read(tmp_path: Path, wrong: object) -> None:
    folder = tmp_path / "up"
    folder.mkdir()
    (tmp_path / "secret.wav").write_bytes(b"secret")
    (folder / "link.wav").symlink_to(tmp_path / "secret.wav")
    path = str(tmp_path / wrong) if isinstance(wrong, str) else wrong
    with pytest.raises(AudioError, match="record it again"):
        read_take(Event({"path": path}), folder)  # type: ignore[arg-type]


@pytest.mark.parametrize("data", [None, {}, "text", [1]])
def test_an_event_without_a_path_is_an_error(tmp_path: Path, data: object) -> None:
    with pytest.raises(AudioError, match="sent no take"):
        read_take(Event(data), tmp_path)  # type: ignore[arg-type]


def test_a_check_is_shown_in_the_language_of_the_page(tmp_path: Path) -> None:
    take = read_take(Event({"path": str(take_in(tmp_path))}), tmp_path)  # type: ignore[arg-type]
    report = check_take(np.zeros(RATE, np.float32), RATE, "spoken")
    shown_report = checked(take, report, {"silent": "아무것도 들리지 않습니다"}).props["report"]
    assert shown_report == {
        "path": str(take.path),
        "good": False,
        "lines": [{"text": "아무것도 들리지 않습니다", "serious": True}],
    }
    assert checked(take, report).props["report"]["lines"][0]["text"] == PROBLEMS["silent"]
    assert refused(take, "the disk is full").props["report"]["lines"] == [{"text": "the disk is full", "serious": True}]


def test_the_component_has_its_events_and_texts() -> None:
    stage = booth(sentence_prompt("Words.", number=1, total=2), texts={"record": "녹음"}, elem_id="booth")
    assert all(callable(getattr(stage, event)) for event in ("taken", "kept", "turned"))
    with pytest.raises(AttributeError):
        _ = stage.applauded
    assert stage.props["texts"] == {**TEXTS, "record": "녹음"}
    assert stage.html_template == ""  # Gradio would run a `${...}` in a sentence


def test_script_and_texts_agree() -> None:
    script = (FOLDER / "booth.js").read_text("utf-8")
    said = set(re.findall(r'say\("(\w+)"', script)) | set(re.findall(r'return "(\w+)";', script))
    said |= {word for pair in re.findall(r'\? "(\w+)" : "(\w+)"\)', script) for word in pair}
    assert TEXTS.keys() - {"read"} <= said | {"busy"}
    assert set(re.findall(r'say\("(\w+)"', script)) <= TEXTS.keys()
    assert set(re.findall(r'return "(\w+)";', script)) <= TEXTS.keys()


def test_the_script_fetches_nothing_and_writes_no_html() -> None:
    script, style = ((FOLDER / name).read_text("utf-8") for name in ("booth.js", "booth.css"))
    assert re.findall(r"https?://[^\"]+", script) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\b", script)
    assert "url(" not in style and "@import" not in style
    # Gradio parses the style as a template.
    assert not re.search(r"[`$]|\{\{|\}\}", style)
