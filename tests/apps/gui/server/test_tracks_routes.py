"""The stems of a result are read, mixed at other levels, and downloaded as they are mixed, without singing anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient

from myna.apps.gui.server.context import Studio
from myna.audio import io
from myna.studio import results, stems
from myna.studio.results import Result
from myna.studio.stems import Level, Stem, Stems

HOST = "http://127.0.0.1:7860"
RATE, SECONDS = 8000, 3
TONES_HZ = {"voice": 400.0, "original": 700.0, "music": 1000.0}


@pytest.fixture
def number(opened: Studio) -> int:
    """A result whose stems are tones in stereo."""
    place = results.reserve(opened.workspace, None, "song.wav")
    folder = stems.folder(opened.workspace, place.number)
    time = np.arange(SECONDS * RATE) / RATE
    sounds = {name: np.tile(0.2 * np.sin(2 * np.pi * hz * time), (2, 1)) for name, hz in TONES_HZ.items()}
    for name, sound in sounds.items():
        write(folder / f"{name}.wav", sound)
    write(place.source, sounds["original"] + sounds["music"])
    write(opened.workspace.sung / "song (joe).wav", sounds["voice"] + sounds["music"])
    record = [
        Stem(name="voice", file="voice.wav", channels=2, in_original=False),
        Stem(name="original", file="original.wav", channels=2, in_original=True, level=Level(muted=True)),
        Stem(name="music", file="music.wav", channels=2, in_original=True),
    ]
    made = Stems(sample_rate=RATE, n_samples=SECONDS * RATE, stems=record)
    stems.record_stems(opened.workspace, place.number, made)
    about: dict[str, Any] = {"song": "song.wav", "voice": "joe", "command": "", "transpose": 0, "seconds": SECONDS}
    path = opened.workspace.sung / "song (joe).wav"
    results.record(place, Result(number=place.number, path=path, source_hz=None, voice_hz=None, **about))
    return place.number


def write(path: Path, audio: NDArray[np.floating]) -> None:
    with io.Writer(path, RATE, channels=2) as writer:
        writer.write(audio.astype(np.float32))


def tones_db(content: bytes, folder: Path) -> dict[str, float]:
    """Return the level of each tone in a sound file, relative to that of its stem; -80 if it is not there."""
    (folder / "answer").write_bytes(content)
    audio, rate = io.read(folder / "answer", mono=False)
    assert audio.shape == (2, SECONDS * RATE) and rate == RATE
    spectrum = np.abs(np.fft.rfft(audio[0])) / (0.2 * audio.shape[1] / 2)
    found = {name: spectrum[round(hz * SECONDS)] for name, hz in TONES_HZ.items()}
    return {name: round(20 * float(np.log10(max(level, 1e-4))), 1) for name, level in found.items()}


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
    assert len(outline) == 100 * SECONDS and abs(max(outline) - 0.2 * 255) <= 1
    assert client.get(f"results/{number}/tracks/drums/samples?first=0&count=9").status_code == 404


def test_the_download_has_the_chosen_levels(client: TestClient, number: int, tmp_path: Path) -> None:
    def download(form: str) -> dict[str, float]:
        return tones_db(client.get(f"results/{number}/audio", params={"format": form}).content, tmp_path)

    assert download("wav") == {"voice": 0.0, "original": -80.0, "music": 0.0}
    assert download("flac") == {"voice": 0.0, "original": -80.0, "music": 0.0}
    quiet = {"gain_db": -3.0, "muted": False, "solo": False}
    assert client.put(f"results/{number}/mix", json={"levels": {"voice": quiet}}).status_code == 204
    assert download("wav") == {"voice": -3.0, "original": -80.0, "music": 0.0}
    assert download("flac") == {"voice": -3.0, "original": -80.0, "music": 0.0}
    solo = {"gain_db": 6.0, "muted": True, "solo": True}
    client.put(f"results/{number}/mix", json={"levels": {"original": solo}})
    assert download("wav") == {"voice": -80.0, "original": 6.0, "music": -80.0}
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
