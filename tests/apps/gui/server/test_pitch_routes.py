"""The pitch of a result is read and edited over /api/v1: only what an edit touches is sung again."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient
from waiting import done, upload

from myna.apps.gui.server.context import Studio
from myna.assets import BUNDLED_VOICES
from myna.features.f0 import F0_ESTIMATORS

HOST = "http://127.0.0.1:7860"


def samples(client: TestClient, view: dict, name: str) -> NDArray[np.float64]:  # type: ignore[type-arg]
    """Return all samples of a sound of the editor."""
    (track,) = [track for track in view["tracks"] if track["name"] == name]
    n_samples = round(view["seconds"] * view["sample_rate"])
    answer = client.get(f"{HOST}{track['samples']}&first=0&count={n_samples}")
    return np.frombuffer(answer.content, "<i2") / 16384


def median_note(audio: NDArray[np.float64], rate: int, start: float, end: float) -> float:
    part = audio[round(start * rate) : round(end * rate)].astype(np.float32)
    f0 = F0_ESTIMATORS["swift"](part, rate, rate // 100, "cpu")
    return float(69 + 12 * np.log2(np.median(f0[f0 > 0]) / 440))


@pytest.mark.timeout(600)
def test_a_note_is_moved_and_restored(client: TestClient, opened: Studio) -> None:
    song = upload(client, BUNDLED_VOICES / "song.flac")
    sent = {"upload": song, "voice": "joe", "options": {"transpose": 0}}
    number = done(client, client.post("convert", json=sent))["about"]["result"]
    view = client.get(f"results/{number}/pitch").json()
    assert view["edits"] == [] and view["before"] == view["after"] and view["changed"] == []
    assert {"chromatic", "C", "Am", "F#m", "Eb"} <= {key["name"] for key in view["keys"]}
    assert view["key"] in {key["name"] for key in view["keys"]}
    sung = samples(client, view, "edited")
    assert np.array_equal(sung, samples(client, view, "unedited"))

    note = max(view["notes"], key=lambda note: note["end"] - note["start"])
    rate = view["sample_rate"]
    assert median_note(sung, rate, note["start"], note["end"]) == pytest.approx(note["pitch"], abs=0.3)

    shift = {"kind": "shift", "start": note["start"], "end": note["end"], "semitones": 3}
    edited = client.put(f"results/{number}/pitch", json={"format": 1, "edits": [shift]}).json()
    assert edited["edits"] == [shift] and edited["before"] == view["before"]
    again = samples(client, edited, "edited")
    assert median_note(again, rate, note["start"], note["end"]) == pytest.approx(note["pitch"] + 3, abs=0.3)
    changed = np.flatnonzero(again != sung) / rate
    ((start, end),) = edited["changed"]
    assert start <= changed[0] <= note["start"] + 0.1 and note["end"] - 0.1 <= changed[-1] <= end
    (moved,) = [one for one in edited["notes"] if one["start"] == note["start"]]
    assert moved["pitch"] == pytest.approx(note["pitch"] + 3, abs=0.02)
    # What is downloaded has the edit, too.
    assert client.get(f"results/{number}/audio").content != b"" and np.array_equal(
        samples(client, edited, "unedited"), sung
    )

    back = client.put(f"results/{number}/pitch", json={"format": 1, "edits": []}).json()
    assert np.array_equal(samples(client, back, "edited"), sung)
    wrong = client.put(f"results/{number}/pitch", json={"format": 1, "edits": [{"kind": "bend"}]})
    assert wrong.status_code == 400 and "edit 1" in wrong.json()["error"]["message"]
    assert client.get(f"results/{number}/pitch").json()["edits"] == []

    levels = client.get(f"results/{number}/pitch/spectrum", params={"start": 0, "seconds": 2})
    rows = int(levels.headers["x-rows"])
    picture = np.frombuffer(levels.content, np.uint8).reshape(rows, -1)
    assert picture.shape[1] == 100 and picture.max() > 100
