"""A song is measured, sung whole and as a preview, played, downloaded, reused, deleted and restored over /api/v1."""

from __future__ import annotations

import io as memory
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient
from waiting import done, upload

from myna.apps.gui.server.context import Studio
from myna.assets import BUNDLED_VOICES
from myna.audio import io
from myna.features.f0 import F0_ESTIMATORS

RATE = 22050
SONG = BUNDLED_VOICES / "song.flac"


def tones(path: Path, *parts: tuple[float, float]) -> Path:
    """Write tones with overtones, each a (frequency, seconds)."""
    audio = []
    for hz, seconds in parts:
        time = np.arange(round(seconds * RATE)) / RATE
        audio.append(sum(0.1 * np.sin(2 * np.pi * n * hz * time) / n for n in range(1, 9)))
    with io.Writer(path, RATE) as writer:
        writer.write(np.concatenate(audio).astype(np.float32))
    return path


def median_hz(content: bytes, folder: Path) -> tuple[float, float]:
    """Return the length and the median pitch of an audio file."""
    (folder / "answer").write_bytes(content)
    audio, rate = io.read(folder / "answer")
    f0 = F0_ESTIMATORS["swift"](audio, rate, rate // 100, "cpu")
    return len(audio) / rate, float(np.median(f0[f0 > 0]))


def test_facts_and_keys_speak_in_notes(client: TestClient, tmp_path: Path) -> None:
    id = upload(client, tones(tmp_path / "song.wav", (220, 3)))
    facts = client.get(f"songs/{id}/facts").json()
    assert facts["seconds"] == 3.0 and abs(facts["median_hz"] - 220) < 2
    assert facts["loudest"] == {"start": 0.0, "seconds": 3.0} and facts["warnings"] == []
    key = client.get(f"songs/{id}/key", params={"voice": "joe"}).json()
    assert (key["source_note"], key["voice_note"]) == ("A3", "F2")
    shifts = [(one["transpose"], one["kind"], one["title"]) for one in key["choices"]]
    assert shifts == [
        (0, "same", "Same key"),
        (-12, "octave", "One octave lower"),
        (-16, "closest", "Closest to the voice"),
    ]
    assert key["choices"][key["best"]]["transpose"] == -12 and key["out_of_range"] is None


def test_warnings_have_texts_with_times(client: TestClient, tmp_path: Path) -> None:
    path = tones(tmp_path / "song.wav", (200, 4), (1500, 2), (200, 4))
    audio, _ = io.read(path)
    audio[RATE : 2 * RATE] = (20 * audio[RATE : 2 * RATE]).clip(-1, 1)
    with io.Writer(path, RATE) as writer:
        writer.write(audio)
    id = upload(client, path)
    (warning,) = client.get(f"songs/{id}/facts").json()["warnings"]
    assert warning["kind"] == "clipped"
    assert warning["text"].startswith("Clipped at 0:01\N{EN DASH}0:02: the level of the recording was too high")
    beyond = client.get(f"songs/{id}/key", params={"voice": "joe"}).json()["choices"][0]["out_of_range"]
    assert beyond["kind"] == "range" and "0:04" in beyond["text"] and "an octave lower" in beyond["text"]
    ((start, end), *_) = beyond["spans"]
    assert abs(start - 4) <= 0.3 and abs(end - 6) <= 0.3


def test_a_file_that_is_no_song_is_one_line_without_a_path(client: TestClient) -> None:
    id = upload(client, Path(__file__), "noise.wav")
    answer = client.get(f"songs/{id}/facts")
    assert answer.status_code == 400
    message = answer.json()["error"]["message"]
    assert message.startswith("noise.wav ") and "uploads" not in message


@pytest.mark.timeout(600)
def test_a_preview_sings_the_right_stretch_and_a_song_is_kept(
    client: TestClient, opened: Studio, tmp_path: Path
) -> None:
    id = upload(client, tones(tmp_path / "Grüße 歌.wav", (147, 4), (220, 3), (147, 4)))
    sent = {"upload": id, "voice": "joe", "options": {"transpose": 0}}
    job = done(client, client.post("convert", json={**sent, "preview": {"start": 4.25, "seconds": 2.5}}))
    assert job["kind"] == "preview"
    (preview,) = client.get("results").json()
    assert preview["preview"] and preview["job"] == job["id"] and preview["number"] == job["about"]["result"]
    assert preview["stretch"] == {"start": 4.25, "seconds": 2.5}
    for part in ("source", "audio"):  # only the middle has this pitch
        seconds, hz = median_hz(client.get(f"results/{preview['number']}/{part}").content, tmp_path)
        assert seconds == pytest.approx(2.5, abs=0.02) and hz == pytest.approx(220, rel=0.02)
    assert list(opened.workspace.sung.glob("*.wav")) == []  # a preview is no result to keep

    done(client, client.post("convert", json={**sent, "preview": {"start": 10.9, "seconds": 2}}))
    (later,) = client.get("results").json()  # it replaces the first one, and moves to the end of the song
    seconds, hz = median_hz(client.get(f"results/{later['number']}/source").content, tmp_path)
    assert seconds == pytest.approx(2, abs=0.02) and hz == pytest.approx(147, rel=0.02)

    client.patch("voice", params={"name": "joe"}, json={"defaults": {"f0_method": "dio", "transpose": 5}})
    number = done(client, client.post("convert", json=sent))["about"]["result"]
    result = client.get(f"results/{number}").json()
    assert (result["song"], result["voice"], result["transpose"]) == ("Grüße 歌.wav", "joe", 0)
    assert result["options"] == {"f0_method": "dio"} and result["defaults"] == {"f0_method": "dio"}
    # The command is complete even where the voice's default is another.
    assert "--transpose 0" in result["command"] and "--f0-method dio" in result["command"]
    assert result["remarks"] == ["Sung in the song's key. Sung around D3; the recordings of joe are around F2."]
    _check_playing(client, number, tmp_path)
    _check_downloads(client, number)
    _check_trash(client, number, opened)


def _check_playing(client: TestClient, number: int, folder: Path) -> None:
    comparison: dict[str, Any] = client.get(f"results/{number}/comparison").json()
    assert [track["name"] for track in comparison["tracks"]] == ["Grüße 歌.wav", "joe"]
    for track in comparison["tracks"]:
        assert "path" not in track
        answer = client.get(f"http://127.0.0.1:7860{track['url']}", headers={"range": "bytes=0-3"})
        assert (answer.status_code, answer.content) == (206, b"RIFF")
        seconds, hz = median_hz(client.get(f"http://127.0.0.1:7860{track['url']}").content, folder)
        assert seconds == pytest.approx(11, abs=0.02) and hz == pytest.approx(147, rel=0.02)


def _check_downloads(client: TestClient, number: int) -> None:
    for form, start in (("wav", b"RIFF"), ("flac", b"fLaC"), ("mp3", b"ID3")):
        answer = client.get(f"results/{number}/audio", params={"format": form, "download": 1})
        assert answer.status_code == 200 and answer.content.startswith((start, b"\xff"))
        assert (
            answer.headers["content-disposition"].startswith("attachment")
            and f".{form}" in answer.headers["content-disposition"]
        )
    answer = client.get("results/archive", params={"format": "flac"})
    with zipfile.ZipFile(memory.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None and archive.namelist() == ["Grüße 歌 (joe).flac"]  # previews are left out
    assert client.get("results/archive", params={"numbers": "99"}).status_code == 404
    assert client.get(f"results/{number}/audio", params={"format": "exe"}).status_code == 400
    again = client.post(f"results/{number}/reuse").json()
    song = client.post(f"results/{number}/reuse", params={"source": 1}).json()
    assert (again["name"], song["name"]) == ("Grüße 歌 (joe).wav", "Grüße 歌.wav")
    assert client.get(f"uploads/{song['id']}/audio").content[:4] == b"RIFF"


def _check_trash(client: TestClient, number: int, opened: Studio) -> None:
    item = client.delete(f"results/{number}").json()["trash_id"]
    assert client.get(f"results/{number}").status_code == 404 and list(opened.workspace.sung.glob("*.wav")) == []
    (listed,) = client.get("trash").json()
    assert (listed["id"], listed["kind"], listed["title"]) == (item, "result", "Grüße 歌.wav → joe")
    assert client.post(f"trash/{item}/restore").status_code == 200
    assert client.get(f"results/{number}/audio").status_code == 200
    assert client.post(f"trash/{item}/restore").status_code == 404
    again = client.delete(f"results/{number}").json()["trash_id"]
    assert client.delete(f"trash/{again}").status_code == 204 and client.get("trash").json() == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"voice": "nobody"}, "no voice 'nobody' here"),
        ({"upload": "0" * 32}, "has expired"),
        ({"upload": "../../etc"}, "has expired"),
        ({"options": {"transpose": 40}}, "between -36 and 36"),
        ({"options": {"transpose": "up"}}, "not a number"),
        ({"options": {"cluster_model_path": "/etc/passwd"}}, "reads no files of this computer"),
        ({"options": {"speaker_mix": "/tmp/shares.csv"}}, "reads no files of this computer"),
        ({"options": {"colour": "red"}}, "no option colour"),
        ({"preview": {"start": -1, "seconds": 5}}, "preview.start"),
    ],
)
def test_what_does_not_fit_is_refused_before_it_waits(client: TestClient, change: dict[str, Any], message: str) -> None:
    sent = {"upload": upload(client, SONG), "voice": "joe"} | change
    answer = client.post("convert", json=sent)
    assert answer.status_code in (400, 404) and message in answer.json()["error"]["message"]
    assert client.get("jobs").json() == []


def test_presets_keep_what_differs_from_the_usual_values(client: TestClient) -> None:
    answer = client.put("preset", params={"name": "So/ft"}, json={"values": {"f0_method": "dio", "transpose": 0}})
    assert answer.json() == {"name": "So ft", "values": {"f0_method": "dio"}}
    assert client.get("presets").json() == [{"name": "So ft"}]
    assert client.get("preset", params={"name": "../x"}).status_code == 404
    assert client.put("preset", params={"name": "x"}, json={"values": {"transpose": 99}}).status_code == 400
    item = client.delete("preset", params={"name": "So ft"}).json()["trash_id"]
    assert client.get("presets").json() == []
    client.post(f"trash/{item}/restore")
    assert client.get("preset", params={"name": "So ft"}).json()["values"] == {"f0_method": "dio"}
