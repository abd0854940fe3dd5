"""A song with music becomes a cover over /api/v1; its pitch is edited, and it is mixed again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient
from waiting import done, upload

from myna.audio import io
from song.songs import write_song

HOST = "http://127.0.0.1:7860"


def samples(client: TestClient, address: str, n_samples: int, channels: int = 2) -> NDArray[np.float64]:
    answer = client.get(f"{HOST}{address}&first=0&count={n_samples}")
    assert answer.status_code == 200, answer.text
    return np.frombuffer(answer.content, "<i2").reshape(-1, channels).T / 16384


def tracks(client: TestClient, number: int) -> dict[str, Any]:
    return {track["name"]: track for track in client.get(f"results/{number}/tracks").json()["tracks"]}


@pytest.mark.timeout(900)
def test_a_song_becomes_a_cover_that_can_be_corrected(client: TestClient, tmp_path: Path) -> None:
    path = write_song(tmp_path / "Grüße.flac")
    song, rate = io.read(path, mono=False)
    n_samples = song.shape[1]
    id = upload(client, path)
    heard = client.get(f"songs/{id}/content").json()
    assert heard["content"] == "song" and "separated" in heard["text"]

    job = done(client, client.post("cover", json={"upload": id, "voice": "joe", "options": {"transpose": 0}}))
    assert job["kind"] == "cover" and job["facts"]["step"] == {"name": "mix", "number": 3, "of": 3}
    (result,) = client.get("results").json()
    number = result["number"]
    assert result["has_tracks"] and not result["needs_mix"] and result["options"] == {}
    assert result["command"].startswith("svc cover 'Grüße.flac' -m joe")

    found = tracks(client, number)
    assert list(found) == ["voice", "original", "music"] and found["original"]["level"]["muted"]
    original, music, voice = (
        samples(client, found[name]["samples"], n_samples) for name in ("original", "music", "voice")
    )
    assert np.abs(original + music - song).max() < 3 / 16384  # the stems are the song
    assert np.std(voice) == pytest.approx(np.std(original), rel=0.3)  # sung as loudly as it was
    (tmp_path / "mix.flac").write_bytes(client.get(f"results/{number}/audio", params={"format": "flac"}).content)
    mix, mix_rate = io.read(tmp_path / "mix.flac", mono=False)
    assert (mix.shape, mix_rate) == (song.shape, rate)
    assert io.info(tmp_path / "mix.flac").tags.title == "Phrase"

    view = client.get(f"results/{number}/pitch").json()
    note = max(view["notes"], key=lambda note: note["end"] - note["start"])
    shift = {"kind": "shift", "start": note["start"], "end": note["end"], "semitones": 2}
    edited = client.put(f"results/{number}/pitch", json={"edits": [shift]}).json()
    assert len(edited["changed"]) == 1
    assert client.get("results").json()[0]["needs_mix"]
    done(client, client.post(f"results/{number}/remake"))
    assert not client.get("results").json()[0]["needs_mix"]
    again = tracks(client, number)
    changed = samples(client, again["voice"]["samples"], n_samples) - voice
    inside = slice(round(note["start"] * rate), round(note["end"] * rate))
    assert np.std(changed[:, inside]) > 0.3 * np.std(voice[:, inside])
    assert np.array_equal(samples(client, again["music"]["samples"], n_samples), music)
    assert client.post("results/99/remake").status_code == 404


@pytest.mark.timeout(600)
def test_a_preview_runs_through_the_whole_chain(client: TestClient, tmp_path: Path) -> None:
    id = upload(client, write_song(tmp_path / "song.wav"))
    sent = {"upload": id, "voice": "joe", "options": {}, "preview": {"start": 2.0, "seconds": 3.0}}
    job = done(client, client.post("cover", json=sent))
    assert job["kind"] == "cover_preview"
    (result,) = client.get("results").json()
    assert result["preview"] and result["has_tracks"] and result["seconds"] == pytest.approx(3, abs=0.01)
