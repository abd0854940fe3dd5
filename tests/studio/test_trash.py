"""The trash restores what was deleted, and results and voices go through it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from myna.errors import AudioError, ConfigError
from myna.studio import results, trash
from myna.studio.results import Result, Stretch
from myna.studio.tidying import tidy
from myna.studio.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    found = Workspace(tmp_path / "studio")
    found.create()
    return found


def sung(workspace: Workspace, song: str = "song.wav", *, preview: bool = False) -> Result:
    """Make a result without any sound."""
    recording = workspace.folder / song
    recording.write_bytes(b"song")
    place = results.reserve(workspace, recording, song)
    path = (place.folder if preview else workspace.sung) / f"{recording.stem} (joe) {place.number}.wav"
    path.write_bytes(b"sung")
    found = Result(
        number=place.number,
        song=song,
        voice="joe",
        path=path,
        command="svc infer",
        transpose=0,
        seconds=1,
        source_hz=None,
        voice_hz=None,
        made_at=time.time(),
        preview=Stretch(start=0, seconds=15) if preview else None,
    )
    results.record(place, found)
    return found


def test_a_folder_and_a_file_come_back_to_their_places(workspace: Workspace) -> None:
    folder, file = workspace.voices / "anna", workspace.sung / "a.wav"
    folder.mkdir()
    (folder / "G.pth").write_bytes(b"weights")
    file.write_bytes(b"sound")
    item = trash.throw(workspace, "voice", "anna", "Anna", [folder, file, workspace.sung / "missing.wav"])
    assert not folder.exists() and not file.exists()
    assert [(one.id, one.title, one.bytes) for one in trash.contents(workspace)] == [(item.id, "Anna", 12)]
    assert trash.restore(workspace, item.id) == [folder, file]
    assert (folder / "G.pth").read_bytes() == b"weights" and file.read_bytes() == b"sound"
    assert trash.contents(workspace) == [] and list(workspace.trash.iterdir()) == []


def test_nothing_is_replaced_by_what_comes_back(workspace: Workspace) -> None:
    folder, file = workspace.voices / "anna", workspace.sung / "a.wav"
    folder.mkdir()
    file.write_bytes(b"old")
    voice = trash.throw(workspace, "voice", "anna", "anna", [folder])
    sound = trash.throw(workspace, "sound", "a", "a", [file])
    folder.mkdir()
    file.write_bytes(b"new")
    with pytest.raises(ConfigError, match="there is another anna now; rename or delete it first"):
        trash.restore(workspace, voice.id)
    assert trash.restore(workspace, sound.id) == [workspace.sung / "a 2.wav"]
    assert file.read_bytes() == b"new" and (workspace.sung / "a 2.wav").read_bytes() == b"old"


def test_what_was_deleted_long_ago_is_gone(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    file = workspace.sung / "a.wav"
    file.write_bytes(b"sound")
    old = trash.throw(workspace, "sound", "a", "a", [file])
    later = time.time() + 31 * 24 * 3600
    monkeypatch.setattr(trash.time, "time", lambda: later)
    assert trash.contents(workspace) == []
    with pytest.raises(ConfigError, match="no longer in the trash"):
        trash.restore(workspace, old.id)
    trash.empty_old(workspace)
    assert list(workspace.trash.iterdir()) == []


def test_an_id_from_elsewhere_deletes_nothing(workspace: Workspace) -> None:
    for id in ("..", "../voices", "/", ""):
        with pytest.raises(ConfigError):
            trash.delete(workspace, id)
    assert workspace.voices.is_dir()


def test_a_deleted_result_comes_back_with_its_number(workspace: Workspace) -> None:
    first = sung(workspace)
    item = results.throw(workspace, first)
    assert results.listed(workspace) == [] and not first.path.exists()
    assert sung(workspace).number == 2  # the number of the deleted one stays free
    first.path.write_bytes(b"another")  # its name was taken in the meantime
    assert results.restore(workspace, item.id) == 1
    found = results.find(workspace, 1)
    assert found is not None and found.path != first.path and found.path.read_bytes() == b"sung"
    assert results.source(workspace, found).read_bytes() == b"song"
    assert [one.number for one in results.listed(workspace)] == [2, 1]


def test_a_preview_replaces_the_one_before(workspace: Workspace) -> None:
    made = [sung(workspace, preview=True) for _ in range(3)]
    other, whole = sung(workspace, "other.wav", preview=True), sung(workspace)
    assert [one.number for one in results.listed(workspace)] == [whole.number, other.number, made[2].number]
    results.drop_previews(workspace, "song.wav")
    # The one before may still be playing.
    assert [one.path.exists() for one in (*made, other, whole)] == [False, True, True, True, True]


def test_a_missing_source_is_said(workspace: Workspace) -> None:
    found = sung(workspace)
    results.source(workspace, found).unlink()
    with pytest.raises(AudioError, match="source of result 1 is missing"):
        results.source(workspace, found)


def test_an_opening_studio_removes_what_is_old_and_nothing_else(workspace: Workspace) -> None:
    kept = sung(workspace)
    unfinished = results.reserve(workspace, None, "song.wav").folder
    made, fresh = workspace.made / "1", workspace.made / "2"
    fact = workspace.cache / "songs" / "a.json"
    for folder in (made, fresh, fact.parent):
        folder.mkdir(parents=True)
    fact.write_text("{}")
    old = time.time() - 100 * 24 * 3600
    for path in (unfinished, made, fact, kept.path.parent, workspace.shown / "1"):
        os.utime(path, (old, old))
    tidy(workspace)
    assert not unfinished.exists() and not made.exists() and not fact.exists()
    assert fresh.is_dir() and [one.number for one in results.listed(workspace)] == [kept.number]
