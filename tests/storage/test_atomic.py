"""Files are replaced whole, synced, with the permissions of new files, and killed processes leave nothing for ever."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from myna.storage import atomic
from myna.storage.atomic import remove_left_overs, replacing, replacing_together

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither umask nor SIGKILL")


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@POSIX
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600), (0o027, 0o640)])
def test_files_have_the_mode_that_the_umask_asks_for(tmp_path: Path, umask: None, mask: int, mode: int) -> None:
    """The library safetensors makes files of mode 0600 whatever the umask."""
    os.umask(mask)
    for name in ("text.json", "tensors.safetensors"):
        for _ in ("new", "replaced"):
            with replacing(tmp_path / name) as temporary:
                if name == "text.json":
                    temporary.write_text("{}")
                else:
                    save_file({"a": torch.zeros(2)}, temporary)
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == mode


def test_file_and_folder_are_synced_before_and_after_the_replacement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    real_sync, real_replace = atomic._sync, Path.replace

    def sync(path: Path) -> None:
        calls.append("sync folder" if path.is_dir() else f"sync {path.read_text()}")
        real_sync(path)

    def replace(self: Path, target: Path) -> Path:
        calls.append("replace")
        return real_replace(self, target)

    monkeypatch.setattr(atomic, "_sync", sync)
    monkeypatch.setattr(Path, "replace", replace)
    with replacing(tmp_path / "a.json") as temporary:
        temporary.write_text("new")
    assert calls == ["sync new", "replace", "sync folder"]


def test_an_error_leaves_the_previous_files_and_nothing_else(tmp_path: Path) -> None:
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing_together(*paths) as temporaries:
        for temporary in temporaries:
            temporary.write_text("new")
        raise ZeroDivisionError
    assert [path.read_text() for path in paths] == ["old", "old"]
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_two_writers_of_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with replacing(path) as first, replacing(path) as second:
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"
    assert os.listdir(tmp_path) == ["a"]


def test_a_name_of_the_maximum_length_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("ü" * 125 + ".json")  # 255 bytes
    with replacing(path) as temporary:
        temporary.write_text("{}")
    assert path.read_text() == "{}"


WRITER = """
import sys, time
from pathlib import Path
from myna.storage.atomic import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


@POSIX
def test_what_a_killed_process_left_is_removed_and_what_a_running_one_writes_is_not(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, tmp_path / name], stdout=subprocess.PIPE, text=True)
        for name in ("G_8.pth", "G_9.pth")
    ]
    try:
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "writing\n"
        assert len(list(tmp_path.glob(".myna-*.part"))) == 2
        writers[0].send_signal(signal.SIGKILL)
        writers[0].wait()
        with replacing(tmp_path / "config.json") as temporary:
            temporary.write_text("{}")
        (kept,) = tmp_path.glob(".myna-*.part")
        assert (kept / "G_9.pth").read_text() == "half"
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
    remove_left_overs(tmp_path)
    assert os.listdir(tmp_path) == ["config.json"]


def test_hidden_folders_of_others_are_kept_and_unlocked_empty_ones_only_for_a_day(tmp_path: Path) -> None:
    other, young, old = tmp_path / ".tmp.part", tmp_path / ".myna-1.part", tmp_path / ".myna-2.part"
    for folder in (other, young, old):
        folder.mkdir()
    (other / "x").touch()
    os.utime(old, (time.time() - 100_000,) * 2)
    remove_left_overs(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".myna-1.part", ".tmp.part"]
