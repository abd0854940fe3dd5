"""The stems of a result are read, mixed at other levels, and downloaded as they are mixed, without singing anything."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient
from stems_result import AMPLITUDE, LEAST_DB, RATE, SECONDS, TONES_HZ, make_result, tones_db

from myna.apps.gui.server.context import Studio
from myna.audio import io
from myna.studio import stems

HOST = "http://127.0.0.1:7860"


@pytest.fixture
def number(opened: Studio) -> int:
    return make_result(opened.workspace)


def test_stems_are_described_and_their_samples_are_those_of_the_files(
    client: TestClient, opened: Studio, number: int
) -> None:
    assert client.get("results").json()[0]["has_tracks"]
    found = client.get(f"results/{number}/tracks").json()
    assert (found["sample_rate"], found["seconds"]) == (RATE, SECONDS)
    titles = [(track["name"], track["title"], track["main"], track["in_original"]) for track in found["tracks"]]
    assert titles == [
        ("voice", "joe", True, False),
        ("original", "Original voice", False, True),
        ("music", "Music", False, True),
    ]
    assert [track["level"]["muted"] for track in found["tracks"]] == [False, True, False]
    whole, _ = io.read(stems.folder(opened.workspace, number) / "music.wav", mono=False)
    answer = client.get(f"{HOST}{found['tracks'][2]['samples']}&first=100&count=50")
    samples = np.frombuffer(answer.content, "<i2").reshape(-1, 2).T / 16384
    assert np.allclose(samples, whole[:, 100:150], atol=1 / 16384)
    at_end = client.get(f"{HOST}{found['tracks'][2]['samples']}&first={SECONDS * RATE - 10}&count=50")
    assert len(at_end.content) == 10 * 2 * 2
    outline = client.get(f"{HOST}{found['tracks'][0]['outline']}").content
    assert len(outline) == 100 * SECONDS and abs(max(outline) - AMPLITUDE * 255) <= 1
    assert client.get(f"results/{number}/tracks/drums/samples?first=0&count=9").status_code == 404


def test_the_download_has_the_chosen_levels(client: TestClient, number: int, tmp_path: Path) -> None:
    def download(form: str) -> dict[str, float]:
        return tones_db(client.get(f"results/{number}/audio", params={"format": form}).content, tmp_path)

    assert download("wav") == {"voice": 0.0, "original": LEAST_DB, "music": 0.0}
    assert download("flac") == {"voice": 0.0, "original": LEAST_DB, "music": 0.0}
    quiet = {"gain_db": -3.0, "muted": False, "solo": False}
    assert client.put(f"results/{number}/mix", json={"levels": {"voice": quiet}}).status_code == 204
    assert download("wav") == {"voice": -3.0, "original": LEAST_DB, "music": 0.0}
    assert download("flac") == {"voice": -3.0, "original": LEAST_DB, "music": 0.0}
    solo = {"gain_db": 6.0, "muted": True, "solo": True}
    client.put(f"results/{number}/mix", json={"levels": {"original": solo}})
    assert download("wav") == {"voice": LEAST_DB, "original": 6.0, "music": LEAST_DB}
    levels = {track["name"]: track["level"] for track in client.get(f"results/{number}/tracks").json()["tracks"]}
    assert levels["original"] == solo and levels["voice"] == quiet
    for wrong in ({"drums": quiet}, {"voice": {**quiet, "gain_db": 99}}, {"voice": {**quiet, "pan": 1}}):
        assert client.put(f"results/{number}/mix", json={"levels": wrong}).status_code == 400


def test_silence_is_refused_with_the_reason(client: TestClient, number: int) -> None:
    muted = {"gain_db": 0.0, "muted": True, "solo": False}
    client.put(f"results/{number}/mix", json={"levels": dict.fromkeys(TONES_HZ, muted)})
    answer = client.get(f"results/{number}/audio", params={"format": "wav"})
    assert answer.status_code == 400 and "all tracks are muted" in answer.json()["error"]["message"]


def test_a_result_of_a_voice_alone_has_no_tracks(client: TestClient, opened: Studio, number: int) -> None:
    for path in stems.folder(opened.workspace, number).iterdir():
        path.unlink()
    assert not client.get("results").json()[0]["has_tracks"]
    assert client.get(f"results/{number}/tracks").status_code == 404
