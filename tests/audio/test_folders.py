"""All code that searches a folder for audio files finds the same ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from myna.apps.actions.convert import plan_conversions
from myna.audio.folders import AUDIO_SUFFIXES, find_recordings, is_recording, visible_folders
from myna.audio.io import Writer
from myna.evaluation.pairing import sound_files
from myna.options import ResampleOptions
from myna.studio.dataset import report_on
from myna.studio.project import Project
from myna.training.prepare.clips import find_clips
from myna.training.prepare.recordings import resample_recordings

RATE = 16000
SOUND = ("a.wav", "B.WAV", "deep/c.flac", "deep/er/d.ogg", "Ünder score.mp3")
OTHERS = (".hidden.wav", "._a.wav", "__MACOSX/a.wav", ".trash/e.wav", "notes.txt", "cover.jpg", "Thumbs.db", "wav")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """dataset_raw/anna: audio files at several depths among hidden and other files."""
    monkeypatch.chdir(tmp_path)
    folder = Path("dataset_raw") / "anna"
    tone = 0.3 * np.sin(2 * np.pi * 220 * np.arange(2 * RATE) / RATE).astype(np.float32)
    for name in SOUND:
        with Writer(folder / name, RATE) as writer:
            writer.write(tone)
    for name in OTHERS:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"RIFF")
    (folder / "a folder.wav").mkdir()
    return folder


def prepared(folder: Path) -> list[Path]:
    summary = resample_recordings(folder.parent, Path("clips"), ResampleOptions(), n_jobs=1)
    assert not summary.failed
    # Line for each file that is not a recording; the others became clips.
    ignored = {Path(line.removesuffix(" is not audio")) for line in summary.ignored}
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path not in ignored)
    assert summary.n_recordings == len(found)
    return found


WALKERS: dict[str, Callable[[Path], list[Path]]] = {
    "find_recordings": find_recordings,
    "svc infer -re": lambda folder: [one.source for one in plan_conversions((folder,), None, recursive=True)],
    "svc evaluate": lambda folder: sound_files([folder]),
    "svc pre-resample": prepared,
    "studio, dataset": lambda folder: [one.path for one in report_on(folder).recordings],
    "studio, project": lambda folder: list(Project(Path()).status().recordings),
}


@pytest.mark.parametrize("walker", WALKERS)
def test_every_search_finds_the_same_files(walker: str, folder: Path) -> None:
    assert sorted(WALKERS[walker](folder)) == sorted(folder / name for name in SOUND)


def test_clips_are_the_wav_files_among_them(folder: Path) -> None:
    found = [clip.path for clip in find_clips(folder.parent).clips]
    assert found == [path for path in find_recordings(folder) if path.suffix.lower() == ".wav"]


def test_a_search_without_subfolders(folder: Path) -> None:
    here = sorted(folder / name for name in SOUND if "/" not in name)
    assert find_recordings(folder, recursive=False) == here
    assert [one.source for one in plan_conversions((folder,), None, recursive=False)] == here


def test_an_absent_folder_holds_nothing(tmp_path: Path) -> None:
    assert find_recordings(tmp_path / "absent") == visible_folders(tmp_path / "absent") == []


def test_a_recording_is_known_by_its_name() -> None:
    assert all(is_recording(Path(f"song{suffix.upper()}")) for suffix in AUDIO_SUFFIXES)
    assert not any(map(is_recording, map(Path, (".song.wav", "song", "song.txt", "wav"))))
