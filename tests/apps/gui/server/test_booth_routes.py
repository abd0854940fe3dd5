"""The recording booth through the interface: prompts, guide tones, takes that are checked and kept."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from training_client import RECORDINGS, Client, client

from myna.studio.prompts import melodies, sentences

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with client(tmp_path_factory.mktemp("studio")) as opened:
        opened.post("projects", {"name": "Linda"})
        yield opened


def test_prompts_wrap_around_and_are_in_the_language_of_the_visitor(api: Client) -> None:
    first = api.get("booth/prompt", number=1)
    assert (first["kind"], first["text"], first["total"]) == ("spoken", sentences()[0], len(sentences()))
    assert api.get("booth/prompt", number=len(sentences()) + 1) == first
    assert api.get("booth/prompt", number=0, kind="sung")["number"] == len(melodies())
    assert api.get("booth/prompt", number=1, lang="ko")["title"] != first["title"]
    api.get("booth/prompt", 404, name="Nobody")
    api.get("booth/prompt", 400, kind="hummed")


def test_the_guide_tone_of_a_higher_voice_is_higher(api: Client) -> None:
    prompt = api.get("booth/prompt", number=1, kind="sung", range="soprano")
    assert prompt["notes"] and "range=soprano" in prompt["guide"]
    centres = []
    for voice in ("bass", "soprano"):
        audio, rate = soundfile.read(io.BytesIO(api.get("booth/guide", number=1, range=voice)))
        power = np.square(np.abs(np.fft.rfft(audio)))
        centres.append(np.fft.rfftfreq(len(audio), 1 / rate) @ power / power.sum())
    assert centres[1] > 2 * centres[0]


def test_a_take_is_checked_and_kept_as_a_recording(api: Client, tmp_path: Path) -> None:
    take = {"upload": api.upload(RECORDINGS[0]), "number": 1, "kind": "spoken"}
    report = api.post("booth/take", take)
    assert report["good"] and report["seconds"] > 1
    quiet, audio = tmp_path / "quiet.wav", soundfile.read(RECORDINGS[0])
    soundfile.write(quiet, audio[0] * 0.002, audio[1])
    report = api.post("booth/take", {**take, "upload": api.upload(quiet)})
    assert not report["good"] and "quiet" in report["lines"][0]["text"] and report["lines"][0]["serious"]
    nothing = tmp_path / "nothing.wav"
    nothing.write_text("no sound")
    assert not api.post("booth/take", {**take, "upload": api.upload(nothing)})["good"]

    kept = api.post("booth/keep", take)
    assert kept["file"].startswith("Linda/spoken/001 ") and kept["next"]["number"] == 2
    assert kept["next"]["recorded"] == 1 and api.get("booth/prompt")["number"] == 2
    assert api.get("booth/prompt", number=1)["done"]
    (recording,) = api.get("project")["recordings"]
    assert recording["file"] == kept["file"]
    api.post("booth/keep", take, 404)  # it was moved


def test_a_take_is_named_after_its_prompt_whatever_it_contains(api: Client, tmp_path: Path) -> None:
    odd = tmp_path / "../.. <b>.wav"
    odd = tmp_path / "<b>.wav"
    soundfile.write(odd, np.zeros(44100), 44100)
    kept = api.post("booth/keep", {"upload": api.upload(odd), "number": 1, "kind": "sung", "range": "bass"})
    assert kept["file"].startswith("Linda/sung/001 ") and "<" not in kept["file"]
