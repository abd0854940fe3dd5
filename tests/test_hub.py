"""Voices of the hub are found, pinned, checked and cached; the hub is a server on this machine."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from hub_server import REVISION, Hub, serving
from myna.apps.cli import svc
from myna.assets.hub import Address, cached_voices, fetch_voice, parse_address
from myna.errors import AssetError
from myna.voice import Voice, find_weights

GOLDEN = Path(__file__).parent / "golden" / "fork" / "so-vits-svc-4.0v1"
WEIGHTS, CONFIG = (GOLDEN / "G_3.pth").read_bytes(), (GOLDEN / "config.json").read_bytes()


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    fetch_voice.cache_clear()
    with serving(tmp_path / "cache", monkeypatch) as server:
        yield server


def test_addresses() -> None:
    assert parse_address("hf://anna/alto") == Address("anna/alto")
    assert parse_address(Path("hf://anna/alto/44k/G_3.pth")) == Address("anna/alto", file="44k/G_3.pth")
    assert parse_address("hf://anna/alto@v1/G_3.pth") == Address("anna/alto", "v1", "G_3.pth")
    assert str(Address("anna/alto", "v1", "G_3.pth")) == "hf://anna/alto@v1/G_3.pth"
    assert [parse_address(text) for text in ("anna/alto", "G_3.pth", "hf://anna", "hf://anna/../x y")] == [None] * 4


def test_the_newest_weights_are_fetched_with_configuration_and_retrieval_files(hub: Hub) -> None:
    hub.give(
        "anna/alto",
        {
            "G_0.pth": b"base",
            "G_3.pth": WEIGHTS,
            "D_3.pth": b"judges",
            "config.json": CONFIG,
            "kmeans.pt": WEIGHTS,
            "README.md": b"me",
        },
    )
    voice = fetch_voice(Address("anna/alto"))
    assert voice.weights.read_bytes() == WEIGHTS
    assert voice.config is not None and voice.config.read_bytes() == CONFIG
    assert [path.name for path in voice.side_files] == ["kmeans.pt"]
    assert voice.commit == REVISION
    assert not any("D_3" in path or "G_0" in path for _, path, _ in hub.asked)
    assert Voice.load("hf://anna/alto").config.speakers == {"alice": 0, "bob": 1}
    assert cached_voices() == {Address("anna/alto", file="G_3.pth"): voice.weights}


def test_a_voice_in_a_folder_has_its_configuration_there_or_above_it(hub: Hub) -> None:
    hub.give("anna/voices", {"alto/G_3.pth": WEIGHTS, "tenor/G_3.pth": WEIGHTS, "config.json": CONFIG})
    with pytest.raises(AssetError, match=r"contains several voices; name one of alto/G_3\.pth, tenor/G_3\.pth"):
        fetch_voice(Address("anna/voices"))
    voice = Voice.load(Path("hf://anna/voices/tenor"))
    assert voice.path.parent.name == "tenor"
    assert voice.config.speakers


def test_a_fetched_voice_converts_without_network(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.give("anna/alto", {"G_3.pth": WEIGHTS, "config.json": CONFIG})
    first = fetch_voice(Address("anna/alto"))
    fetch_voice.cache_clear()
    hub.asked.clear()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert fetch_voice(Address("anna/alto")).weights == first.weights
    assert not hub.asked
    with pytest.raises(AssetError, match="hf://anna/other is unavailable: HF_HUB_OFFLINE is set"):
        fetch_voice(Address("anna/other"))


def test_missing_repositories_and_files_are_named(hub: Hub) -> None:
    hub.give("anna/alto", {"G_3.pth": WEIGHTS, "config.json": CONFIG})
    with pytest.raises(AssetError, match=r"hf://anna/alto/G_9.pth is not there; the repository has G_3.pth"):
        fetch_voice(Address("anna/alto", file="G_9.pth"))
    with pytest.raises(AssetError, match=r"has no cover.png; it has G_3.pth"):
        fetch_voice(Address("anna/alto"), ("cover.png",))
    hub.give("anna/text", {"README.md": b"me"})
    with pytest.raises(AssetError, match=r"contains no voice in a known format; it has README\.md"):
        fetch_voice(Address("anna/text"))
    with pytest.raises(AssetError, match="hf://nobody/nothing is unavailable"):
        fetch_voice(Address("nobody/nothing"))


def test_a_file_with_another_hash_than_the_hub_states_is_refused_offline_too(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.give("anna/alto", {"G_3.pth": WEIGHTS}, hashes={"G_3.pth": hashlib.sha256(b"other").hexdigest()})
    with pytest.raises(AssetError, match="is damaged or a different file"):
        fetch_voice(Address("anna/alto"))
    with monkeypatch.context() as offline:
        offline.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        with pytest.raises(AssetError, match="HF_HUB_OFFLINE is set"):
            fetch_voice(Address("anna/alto"))
    hub.give("anna/page", {"G_3.pth": b"<!DOCTYPE html><html>"})
    with pytest.raises(AssetError, match="is a web page"):
        fetch_voice(Address("anna/page"))


def test_a_changed_file_in_the_cache_is_refused_without_network(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.give("anna/alto", {"G_3.pth": WEIGHTS, "config.json": CONFIG})
    fetch_voice(Address("anna/alto")).weights.resolve().write_bytes(WEIGHTS + b"more")
    fetch_voice.cache_clear()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(AssetError, match="SHA-256"):
        fetch_voice(Address("anna/alto"))


def test_the_commands(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))  # the studio there is listed too
    hub.give("anna/alto", {"G_3.pth": WEIGHTS, "config.json": CONFIG, "cover.png": b"picture"})
    done = CliRunner().invoke(svc, ["download", "anna/alto", "cover.png"], catch_exceptions=False)
    assert done.exit_code == 0
    assert [Path(line).name for line in done.stdout.splitlines()] == ["G_3.pth", "config.json", "cover.png"]
    assert "svc infer song.wav -m hf://anna/alto" in done.stderr
    shutil.copy(GOLDEN / "G_3.pth", tmp_path / "G_3.pth")
    listed = CliRunner().invoke(svc, ["voices", "--json"], catch_exceptions=False)
    assert json.loads(listed.stdout).keys() == {"joe", "hf://anna/alto/G_3.pth", "G_3.pth"}


def test_a_voice_downloaded_with_hf_hub_download_converts(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`hf_hub_download` of weights and configuration, then `svc infer vocals.wav -m ... -c ...`."""
    from huggingface_hub import hf_hub_download

    monkeypatch.chdir(tmp_path)
    joe = find_weights("joe")
    files = {"G_106000.pth": joe.read_bytes(), "config.json": joe.with_name("config.json").read_bytes()}
    hub.give("someone/singer", files, revision="main")
    config, weights = (hf_hub_download("someone/singer", name) for name in ("config.json", "G_106000.pth"))
    soundfile.write("vocals.wav", 0.1 * np.sin(2 * np.pi * 220 / 44100 * np.arange(44100)), 44100)
    result = CliRunner().invoke(svc, ["infer", "vocals.wav", "-m", weights, "-c", config, "-d", "cpu"])
    assert result.exit_code == 0, result.output
    assert soundfile.info("vocals.out.wav").frames == 44100
