"""The library adds, refuses, renames and deletes voices, and stays intact after errors."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from hub_server import Hub, serving
from myna.apps.cli import svc
from myna.assets import BUNDLED_VOICES
from myna.errors import CheckpointError, ConfigError, MynaError
from myna.retrieval import retrieval_file
from myna.retrieval.speakers import SpeakerRetrieval
from myna.studio.voices import Library, LibraryVoice, Origin, checkpoint_name
from myna.studio.workspace import Workspace
from myna.voice import Voice, find_weights
from myna.zoo.opening import open_voice

GOLDEN = Path(__file__).parents[1] / "golden"
FORK = GOLDEN / "fork" / "so-vits-svc-4.0v1"
WEIGHTS, CONFIG = FORK / "G_3.pth", FORK / "config.json"


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Hide the developer's own voices from the tests."""
    with serving(tmp_path / "cache", monkeypatch) as server:
        yield server


@pytest.fixture
def library(tmp_path: Path) -> Library:
    workspace = Workspace(tmp_path / "studio")
    workspace.create()
    return Library(workspace)


def names(library: Library) -> list[str]:
    return [voice.name for voice in library.all()]


def folders(library: Library) -> list[str]:
    """Names of all entries in the folder of voices, including hidden ones."""
    return sorted(path.name for path in library.workspace.voices.iterdir())


def pointer(path: Path) -> Path:
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    return path


def index(path: Path, channels: int) -> Path:
    retrieval_file.write_index(path, {"alice": torch.rand(5, channels)})
    return path


# --- adding ----------------------------------------------------------------------------------------------------------


def test_a_voice_with_its_configuration_is_added_and_loads(library: Library) -> None:
    assert names(library) == ["joe"]
    voice = library.add([CONFIG, WEIGHTS], "  Anna/alto ")
    assert voice == LibraryVoice("Anna alto", Origin.ADDED, library.workspace.voices / "Anna alto")
    assert names(library) == ["Anna alto", "joe"]
    assert sorted(path.name for path in voice.path.iterdir()) == ["G_3.pth", "config.json"]
    assert Voice.load(voice.path).config.speakers == {"alice": 0, "bob": 1}
    assert folders(library) == ["Anna alto"]


def test_every_kind_of_voice_file_is_accepted(library: Library, tmp_path: Path) -> None:
    packed = tmp_path / "model.safetensors"  # not a name of a voice on the hub
    open_voice(WEIGHTS).pack(packed)
    odd = Path(shutil.copy(WEIGHTS, tmp_path / "D_7.pth"))  # a generator in spite of its name
    rvc, third = GOLDEN / "rvc" / "v2-48k.pth", GOLDEN / "sovits3" / "voice.pth"
    for files in ([packed], [odd], [rvc], [third, third.with_name("config.json")], [WEIGHTS]):
        voice = library.add(files, "one")
        assert open_voice(find_weights(voice.path), voice.config).build() is not None
    assert names(library) == ["one", "one 2", "one 3", "one 4", "one 5", "joe"]


def test_a_retrieval_index_is_added_under_its_standard_name(library: Library, tmp_path: Path) -> None:
    made_by_others = index(tmp_path / "added_IVF8_alto.safetensors", open_voice(WEIGHTS).config.model.content_channels)
    voice = library.add([made_by_others, WEIGHTS, CONFIG], "alto")
    found = SpeakerRetrieval.load(voice.path / "index.safetensors", open_voice(find_weights(voice.path)).config)
    assert set(found.by_speaker) == {"alice"}
    # The index does not count as weights.
    assert find_weights(library.find("alto").path).name == "G_3.pth"


def test_a_name_that_is_taken_gets_a_number(library: Library) -> None:
    assert library.add([WEIGHTS], "joe").name == "joe 2"
    assert library.add([WEIGHTS], "JOE 2").name == "JOE 2 2"
    assert library.find("joe").origin is Origin.BUNDLED


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "..", "a/../../b", ".hidden", "C:\\windows", "\0"])
def test_names_cannot_leave_the_folder(library: Library, name: str) -> None:
    try:
        voice = library.add([WEIGHTS], name)
    except ConfigError as error:
        assert "is not a valid name" in str(error)
    else:
        assert voice.path.parent == library.workspace.voices
        assert library.rename(voice.name, "alto").name == "alto"
        with pytest.raises(ConfigError, match="no voice"):
            library.find(name)
    assert {path.name for path in library.workspace.folder.iterdir()} == {"voices", "training", "sung", "presets"}


# --- refusals --------------------------------------------------------------------------------------------------------


def test_other_files_are_refused_in_one_line_that_names_what_they_are(library: Library, tmp_path: Path) -> None:
    (text := tmp_path / "notes.txt").write_text("la la la")
    (page := tmp_path / "G_1.pth").write_text("<!DOCTYPE html><html>")
    (half := tmp_path / "G_2.pth").write_bytes(WEIGHTS.read_bytes()[:2000])
    torch.save({"model": {"discriminators.0.weight": torch.ones(3)}}, discriminator := tmp_path / "D_3.pth")
    (not_json := tmp_path / "config.json").write_text("{")
    own_index = index(tmp_path / "index.safetensors", 5)
    refused = {
        (): "choose the files of a voice first",
        (text,): r"^notes.txt is not a checkpoint",
        (page,): r"^G_1.pth is a web page, not the weights",
        (half,): r"^G_2.pth is",
        (pointer(tmp_path / "G_4.pth"),): r"^G_4.pth is a Git LFS pointer, not the weights",
        (WEIGHTS, discriminator): r"^D_3.pth is a discriminator.*, not a supported voice",
        (CONFIG,): "config.json is a configuration; add it together with its voice",
        (own_index,): r"index.safetensors is an index or a cluster model; add it together with its voice",
        (WEIGHTS, not_json): r"^config.json",
        (WEIGHTS, CONFIG, not_json): "several configurations: config.json, config.json",
        (WEIGHTS, GOLDEN / "rvc" / "v2-48k.pth"): "several voices: G_3.pth, v2-48k.pth; add one at a time",
        (WEIGHTS, own_index): r"^index.safetensors is made for another content encoder \(5 channels",
    }
    for files, line in refused.items():
        with pytest.raises(MynaError, match=line) as caught:
            library.add(files, "alto")
        assert "\n" not in str(caught.value)
        assert folders(library) == []


def test_a_light_voice_without_its_configuration_is_refused(library: Library) -> None:
    with pytest.raises(MynaError, match=r"^G_\d+.pth: a light voice needs its config.json"):
        library.add([Path(shutil.copy(find_weights("joe"), library.workspace.folder))], "alto")


def test_partial_copies_are_deleted(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space left"):
        library.add([WEIGHTS], "alto")
    assert folders(library) == []
    monkeypatch.undo()
    # So are those of a killed process, after a day.
    (left := library.workspace.voices / ".left").mkdir()
    library.add([WEIGHTS], "alto")
    assert left.exists()
    os.utime(left, times=(time.time() - 2 * 24 * 3600,) * 2)
    library.add([WEIGHTS], "tenor")
    assert folders(library) == ["alto", "tenor"]


# --- rename and delete -----------------------------------------------------------------------------------------------


def trained(library: Library) -> str:
    folder = library.workspace.training / "alto" / "logs" / "44k"
    folder.mkdir(parents=True)
    shutil.copy(WEIGHTS, folder)
    return "alto (in training)"


def test_only_added_voices_can_be_renamed(library: Library) -> None:
    library.add([WEIGHTS, CONFIG], "alto")
    assert library.rename("alto", "<b>Alto</b>").name == "b Alto b"
    assert library.rename("b Alto b", "b alto b").name == "b alto b"  # only the case changes
    assert library.rename("b alto b", "b alto b").name == "b alto b"
    for taken in ("joe", "JOE"):
        with pytest.raises(ConfigError, match=rf"there is already a voice '{taken}'"):
            library.rename("b alto b", taken)
    with pytest.raises(ConfigError, match="no voice 'alto' here; there are: b alto b, joe"):
        library.rename("alto", "tenor")
    with pytest.raises(ConfigError, match="joe cannot be renamed: it is bundled with myna"):
        library.rename("joe", "jim")
    with pytest.raises(ConfigError, match="cannot be renamed: it is in training"):
        library.rename(trained(library), "jim")
    assert names(library) == ["b alto b", "alto (in training)", "joe"]


def test_only_added_voices_can_be_deleted(library: Library) -> None:
    library.add([WEIGHTS], "alto")
    library.delete("alto")
    assert folders(library) == []
    with pytest.raises(ConfigError, match="no voice 'alto'"):
        library.delete("alto")
    with pytest.raises(ConfigError, match="joe cannot be deleted here: it is bundled"):
        library.delete("joe")
    name = trained(library)
    with pytest.raises(ConfigError, match=r"cannot be deleted here: it is in training.*logs.44k"):
        library.delete(name)
    assert find_weights("joe").exists() and find_weights(library.find(name).path).exists()


def test_deleting_a_link_keeps_its_target(library: Library) -> None:
    (library.workspace.voices / "mine").symlink_to(BUNDLED_VOICES / "joe")
    library.delete("mine")
    assert folders(library) == []
    assert find_weights("joe").exists()


def test_a_downloaded_voice_can_be_deleted_from_the_cache(library: Library, hub: Hub) -> None:
    from myna.assets.hub import Address, fetch_voice

    files = {"voices/alto/G_3.pth": WEIGHTS.read_bytes(), "config.json": CONFIG.read_bytes()}
    for repo in ("anna/alto", "anna/other"):
        hub.give(repo, files)
        fetch_voice(Address(repo))
    name = "hf://anna/alto/voices/alto/G_3.pth"
    voice = library.find(name)
    assert voice.model == name
    assert voice.config is not None and voice.config.name == "config.json"  # two folders above the weights
    with pytest.raises(ConfigError, match="its name is its address on the hub"):
        library.rename(name, "alto")
    library.delete(name)
    assert names(library) == ["joe", "hf://anna/other/voices/alto/G_3.pth"]
    assert fetch_voice(Address("anna/alto")).weights.exists()  # downloaded again


# --- listing ---------------------------------------------------------------------------------------------------------


def test_listing_opens_no_file_and_shows_only_voices(library: Library) -> None:
    voices = library.workspace.voices
    for path in ("empty/readme.txt", "broken/G_1.pth", "side/index.safetensors", ".hidden/G_1.pth", "graph/a.onnx"):
        (voices / path).parent.mkdir()
        (voices / path).write_text("nothing")
    (voices / "G_1.pth").write_text("not in a folder")
    assert names(library) == ["broken", "graph", "joe"]
    assert library.find("graph").path == voices / "graph" / "a.onnx"


def test_svc_voices_lists_the_same_voices(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    library.workspace.folder.rename(tmp_path / "myna")
    own = Library(Workspace(tmp_path / "myna"))
    voice = own.add([WEIGHTS, CONFIG], "alto")
    pointer(own.workspace.voices / "alto" / ".." / "G_1.pth")
    (empty := tmp_path / "empty").mkdir()
    monkeypatch.chdir(empty)
    done = CliRunner().invoke(svc, ["voices"], catch_exceptions=False)
    assert done.stdout.splitlines()[::2] == [str(voice.path), "joe"]
    assert "speakers: alice, bob; 44100 Hz" in done.stdout
    assert done.stderr.startswith("2 voices")


def test_a_refusal_does_not_show_the_path_of_the_upload(library: Library, tmp_path: Path) -> None:
    """The page shows the `MynaError` as one line."""
    with pytest.raises(CheckpointError) as caught:
        library.add([pointer(tmp_path / "G_1.pth")], "alto")
    assert str(tmp_path) not in str(caught.value)


def test_one_checkpoint_of_a_voice_in_training_is_a_voice(library: Library) -> None:
    logs = library.workspace.training / "alto" / "logs" / "44k"
    logs.mkdir(parents=True)
    for number in (250, 500):
        shutil.copy(WEIGHTS, logs / f"G_{number}.pth")
    shutil.copy(CONFIG, logs / "config.json")
    found = library.find(checkpoint_name("alto", 250))
    assert (found.origin, found.path) == (Origin.TRAINING, logs / "G_250.pth")
    assert Voice.load(found.path).config.speakers
    assert found.name not in names(library)
    for name in (checkpoint_name("alto", 251), "../alto (in training, 250)", "alto (in training, 0)"):
        with pytest.raises(ConfigError, match="no voice"):
            library.find(name)
