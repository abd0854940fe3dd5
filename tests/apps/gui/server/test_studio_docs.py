"""The programs in docs/studio.md run against a studio, and the requests that it names exist."""

from __future__ import annotations

import json
import re
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import soundfile

from myna.apps.gui.server.app import open_studio, serve
from myna.apps.gui.server.context import Studio
from myna.assets import BUNDLED_VOICES

pytestmark = pytest.mark.timeout(300)
ROOT = Path(__file__).parents[4]
TEXT = (ROOT / "docs" / "studio.md").read_text("utf-8")
CONVERSION, TRAINING, EVENTS = re.findall(r"^```python\n(.*?)^```", TEXT, re.M | re.S)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Studio, str]]:
    """A studio and the address of its server, HOST:PORT."""
    with open_studio(tmp_path_factory.mktemp("studio")) as opened:
        server, url = serve(opened)
        yield opened, url.removeprefix("http://").rstrip("/")
        server.close()


def run(program: str, address: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(program.replace("127.0.0.1:7860", address), "docs/studio.md", "exec"), names)
    return names


def test_the_program_converts_a_song(
    studio: tuple[Studio, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    audio, rate = soundfile.read(BUNDLED_VOICES / "song.flac")
    soundfile.write("song.wav", audio, rate)
    names = run(CONVERSION, studio[1])
    assert names["job"]["state"] == "done"
    assert soundfile.info("song.out.wav").duration == pytest.approx(len(audio) / rate, abs=0.001)


def test_the_program_trains_a_voice(
    studio: tuple[Studio, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    recordings = sorted((ROOT / "examples" / "recordings" / "ljspeech").glob("*"))[:2]
    Path("recordings").mkdir()
    for path in recordings:
        shutil.copy(path, "recordings")
    run(TRAINING.replace("minutes=30", "minutes=0.1"), studio[1])
    assert "'anna'" in capsys.readouterr().out


def test_the_program_prints_events(studio: tuple[Studio, str], capsys: pytest.CaptureFixture[str]) -> None:
    class Enough(Exception):
        pass

    def change() -> None:
        time.sleep(1.0)
        studio[0].changed("voices")

    threading.Thread(target=change).start()
    program = EVENTS.replace(
        'print(event["what"])', 'print(event["what"])\n            if event["what"] == "voices": raise Enough'
    )
    names: dict[str, Any] = {"Enough": Enough}
    with pytest.raises(Enough):
        exec(compile(program.replace("127.0.0.1:7860", studio[1]), "docs/studio.md", "exec"), names)
    assert capsys.readouterr().out.endswith("voices\n")


def test_every_request_of_the_page_exists(studio: tuple[Studio, str]) -> None:
    paths = httpx.get(f"http://{studio[1]}/api/v1/openapi.json", timeout=60).json()["paths"]
    known = {re.sub(r"\{\w+\}", "*", path) for path in paths}
    named = re.findall(r"`(?:GET|POST|PUT|DELETE) (/[^`?]+)", TEXT) + re.findall(r"/api/v1(/[^\s'\"`?]+)", TEXT)
    for path in named:
        general = re.sub(r"(JOB|NUMBER|RESULT|UPLOAD|ID|(?<=forms/)conversion)", "*", path)
        assert f"/api/v1{general}" in known or path in ("/openapi.json", "/events", "/live/sound"), path


def test_the_requests_of_curl_are_json() -> None:
    for body in re.findall(r"--json '([^']+)'", TEXT):
        assert json.loads(body)
