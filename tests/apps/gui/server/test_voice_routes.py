"""Voices are listed, noted, imported by content, tested, packed, blended and deleted over /api/v1."""

from __future__ import annotations

import hashlib
import io
import shutil
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile
from starlette.testclient import TestClient

from apps.gui.server.waiting import done, upload, wait
from hub_server import REVISION, Hub, serving
from myna.apps.gui.jobs import Report
from myna.apps.gui.server.context import Studio
from myna.apps.gui.tasks.voices import FetchAsset
from myna.assets import ASSETS, BUNDLED_VOICES, Asset, Source
from myna.assets.download import repository
from myna.voice import Voice

JOE = BUNDLED_VOICES / "joe"
FORK = Path(__file__).parents[3] / "golden" / "fork" / "so-vits-svc-4.0v1"


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Hide the developer's own voices and files from the tests."""
    monkeypatch.delenv("MYNA_ASSETS", raising=False)
    with serving(tmp_path / "cache", monkeypatch) as server:
        yield server


def zipped(**files: bytes | Path) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, part in files.items():
            archive.writestr(name, part if isinstance(part, bytes) else part.read_bytes())
    return content.getvalue()


def names(client: TestClient) -> list[str]:
    return [voice["name"] for voice in client.get("voices").json()]


@pytest.mark.timeout(600)
def test_the_list_is_there_at_once_and_fills_itself(client: TestClient, opened: Studio) -> None:
    (joe,) = client.get("voices").json()
    assert (joe["name"], joe["origin"], joe["inspected"], joe["bytes"] > 1e6) == ("joe", "bundled", False, True)
    until = time.monotonic() + 300
    while not joe["inspected"]:
        assert time.monotonic() < until
        time.sleep(0.1)
        (joe,) = client.get("voices").json()
    assert joe["kind"] == "myna" and joe["speakers"] == ["joe"] and joe["sample_rate"] == 44100
    assert 80 < joe["pitch"]["joe"] < 90 and joe["needs"] == [] and joe["problem"] is None
    assert (joe["deletable"], joe["renamable"]) == (False, False)
    fields = client.get("forms/conversion", params={"voice": "joe"}).json()["fields"]
    assert {one["name"]: one["inert"] for one in fields}["noise_scale"]


@pytest.mark.timeout(900)
def test_a_voice_from_a_zip_file_to_a_packed_file(client: TestClient, opened: Studio, tmp_path: Path) -> None:
    content = zipped(**{"Jo/G_893.pth": JOE / "G_893.pth", "Jo/config.json": JOE / "config.json", "Jo/a.txt": b"hi"})
    (tmp_path / "joes.zip").write_bytes(content)
    sent = {"uploads": [upload(client, tmp_path / "joes.zip")]}
    review = client.post("voices/review", json=sent).json()
    (proposal,) = review["proposals"]
    assert (proposal["name"], proposal["sure"], proposal["question"]) == ("Jo", True, None)
    assert [one["file"] for one in review["left"]] == ["joes/Jo/a.txt"]
    assert client.post("voices/review", json=sent).json() == review  # unpacked once
    chosen = {key: proposal[key] for key in ("weights", "config", "retrieval")} | {"name": "Jo"}
    job = done(client, client.post("voices/add", json={"proposals": [chosen]}))
    assert job["about"]["voices"] == ["Jo"] and names(client) == ["Jo", "joe"]

    changes = {"name": "Joseph", "tags": ["bass"], "notes": "mine", "defaults": {"transpose": 12}}
    changed = client.patch("voice", params={"name": "Jo"}, json=changes).json()
    assert (changed["name"], changed["tags"], changed["notes"], changed["inspected"]) == (
        "Joseph",
        ["bass"],
        "mine",
        True,
    )
    wrong = client.patch("voice", params={"name": "Joseph"}, json={"defaults": {"cluster_model_path": "/etc/passwd"}})
    assert wrong.status_code == 400
    (transpose,) = [
        one
        for one in client.get("forms/conversion", params={"voice": "Joseph"}).json()["fields"]
        if one["name"] == "transpose"
    ]
    assert transpose["default"] == 12.0

    assert client.get("voice/test", params={"name": "Joseph"}).status_code == 404
    done(client, client.post("voice/test", params={"name": "Joseph"}))
    clip = client.get("voice/test", params={"name": "Joseph"}).content
    assert clip.startswith((b"fLaC", b"ID3"))  # a signature is in a tag before the sound
    assert soundfile.info(io.BytesIO(clip)).format == "FLAC"
    assert {one["name"]: one["has_test"] for one in client.get("voices").json()} == {"Joseph": True, "joe": False}

    job = done(client, client.post("voice/pack", params={"name": "Joseph"}, json={"licence": "MIT", "half": True}))
    answer = client.get(f"jobs/{job['id']}/files/0")
    assert 'filename="Joseph.safetensors"' in answer.headers["content-disposition"]
    (tmp_path / "Joseph.safetensors").write_bytes(answer.content)
    assert Voice.load(tmp_path / "Joseph.safetensors").defaults == {"transpose": 12.0}  # as svc infer sees them

    blend = {"one": "joe", "other": "Joseph", "share": 0.3, "name": "Both"}
    assert done(client, client.post("voices/blend", json=blend))["about"]["voice"] == "Both"
    assert client.get("voice", params={"name": "Both"}).json()["cover"].startswith("70%")

    item = client.delete("voice", params={"name": "Joseph"}).json()["trash_id"]
    assert names(client) == ["Both", "joe"]
    assert client.post(f"trash/{item}/restore").json()["name"] == "Joseph"
    restored = client.get("voice", params={"name": "Joseph"}).json()
    assert restored["tags"] == ["bass"] and restored["has_test"]


@pytest.mark.timeout(600)
def test_voices_that_do_not_fit_each_other_are_refused_with_their_names(client: TestClient, opened: Studio) -> None:
    opened.voices.add([FORK / "G_3.pth", FORK / "config.json"], "alice")
    job = wait(client, client.post("voices/blend", json={"one": "joe", "other": "alice", "name": "x"}))
    assert job["state"] == "failed" and job["error"].startswith("joe and alice do not fit each other")
    assert sorted(names(client)) == ["alice", "joe"]
    answer = client.post("voices/blend", json={"one": "joe", "other": "joe", "name": "x"})
    assert "two different voices" in answer.json()["error"]["message"]


@pytest.mark.timeout(600)
def test_a_voice_says_which_file_it_needs(client: TestClient, opened: Studio) -> None:
    opened.voices.add([FORK / "G_3.pth", FORK / "config.json"], "alice")
    alice = client.get("voice", params={"name": "alice"}).json()
    (need,) = alice["needs"]
    assert (need["name"], need["title"], need["here"], need["bytes"]) == (
        "contentvec",
        "ContentVec",
        False,
        378_342_945,
    )
    assert need["url"].startswith("https://huggingface.co/lengyue233/content-vec-best/")
    assert client.get("assets", params={"voice": "alice"}).json() == [need]
    assert client.get("assets", params={"voice": "joe"}).json() == []
    assert "contentvec" in [one["name"] for one in client.get("assets").json()]
    assert client.post("assets/fetch", json={"name": "../x"}).status_code == 400


def test_a_voice_folder_of_another_program_is_for_this_computer_only(
    client: TestClient, opened: Studio, tmp_path: Path
) -> None:
    folder = tmp_path / "so-vits-svc" / "logs" / "44k"
    folder.mkdir(parents=True)
    shutil.copyfile(FORK / "G_3.pth", folder / "G_1000.pth")
    shutil.copyfile(FORK / "config.json", folder / "config.json")
    root = str(tmp_path / "so-vits-svc")
    assert client.post("voices/folder", json={"path": root}).json() == {"path": root, "voices": 1}
    assert names(client) == ["joe", "so-vits-svc"]
    assert client.delete("voice", params={"name": "so-vits-svc"}).status_code == 400
    opened.local = False
    for answer in (
        client.get("voices/folders"),
        client.post("voices/folder", json={"path": root}),
        client.post("voice/show", params={"name": "joe"}),
    ):
        assert answer.status_code == 400 and "computer of this studio" in answer.json()["error"]["message"]
    assert {one["folder"] for one in client.get("voices").json()} == {None}
    opened.local = True
    assert client.delete("voices/folder", params={"path": root}).status_code == 204
    assert names(client) == ["joe"] and (folder / "G_1000.pth").is_file()


def test_a_folder_is_shown_only_where_there_is_a_file_manager(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    answer = client.post("voice/show", params={"name": "joe"})
    assert str(JOE) in answer.json()["error"]["message"]
    opener = tmp_path / "bin" / "xdg-open"
    opener.parent.mkdir()
    opener.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/shown\n')
    opener.chmod(0o755)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("PATH", f"{opener.parent}:/usr/bin:/bin")
    monkeypatch.setattr("sys.platform", "linux")
    assert client.post("voice/show", params={"name": "joe"}).status_code == 204
    until = time.monotonic() + 30
    while not (tmp_path / "shown").exists() or not (tmp_path / "shown").read_text():
        assert time.monotonic() < until
        time.sleep(0.05)
    assert (tmp_path / "shown").read_text().strip() == str(JOE)


def test_unknown_voices_and_bad_addresses_are_one_line(client: TestClient) -> None:
    assert client.get("voice", params={"name": "nobody"}).status_code == 404
    answer = client.post("voices/download", json={"address": "not an address"})
    assert answer.status_code == 400 and "owner/name" in answer.json()["error"]["message"]
    answer = client.post("voices/add", json={"proposals": [{"weights": "../../etc/passwd", "name": "x"}]})
    assert answer.status_code == 404


# --- pretrained files ------------------------------------------------------------------------------------------------


class Facts:
    """The reports of a task, by kind."""

    def __init__(self) -> None:
        self.facts: dict[str, list[Any]] = {}

    def __call__(self, kind: str, value: Any) -> None:
        if kind == "fact":
            self.facts.setdefault(value[0], []).append(value[1])


def test_a_download_says_how_much_has_arrived_and_is_resumed(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 10_000)
    content = bytes(range(256)) * 8192  # 2 MB
    hub.give("someone/weights", {"w.pt": content})
    sha256 = hashlib.sha256(content).hexdigest()
    source = Source("someone/weights", "w.pt", REVISION, size=len(content), sha256=sha256)
    monkeypatch.setitem(ASSETS, "small", Asset("MIT", ("w.pt",), source))
    partial = repository(source) / "blobs" / f"{sha256}.incomplete"  # of an earlier job
    partial.parent.mkdir(parents=True)
    partial.write_bytes(content[:500_000])
    hub.stalls_after = 600_000
    facts = Facts()
    job = threading.Thread(target=FetchAsset("small", "asset").run, args=(Report(facts),))
    job.start()
    until = time.monotonic() + 60
    while not any(done >= 1_000_000 for done in facts.facts.get("bytes", [])):
        assert time.monotonic() < until, facts.facts
        time.sleep(0.05)
    hub.goes_on.set()
    job.join(60)
    assert facts.facts["total"][-1] == len(content) and max(facts.facts["speed"]) > 0
    assert facts.facts["bytes"] == sorted(facts.facts["bytes"]) and facts.facts["bytes"][0] >= 500_000
    ranges = [asked for method, path, asked in hub.asked if method == "GET" and path.endswith("w.pt")]
    assert ranges[-1] == "bytes=500000-"
