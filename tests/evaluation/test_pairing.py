"""Conversions are matched to their sources by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from myna.errors import AudioError
from myna.evaluation.pairing import Pair, pair_by_name, sound_files, take_name


def touch(folder: Path, *names: str) -> list[Path]:
    paths = [folder / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return paths


def test_names_that_svc_infer_gives_are_matched(tmp_path: Path) -> None:
    sources = touch(tmp_path / "songs", "a.flac", "b.mp3", "ü.wav")
    converted = touch(tmp_path / "out", "a.out.flac", "b.wav", "u\u0308.out.wav")  # ü as a Mac spells it
    pairs, problems = pair_by_name(converted, sources)
    assert pairs == [Pair(*pair) for pair in zip(converted, sources, strict=True)]
    assert not problems
    assert take_name(Path("x.y.out.wav")) == "x.y"


def test_conversions_may_lie_beside_their_sources(tmp_path: Path) -> None:
    touch(tmp_path, "a.flac", "a.out.wav", "b.flac", "b.out.wav", "cover.jpg", ".hidden.wav")
    files = sound_files([tmp_path])
    assert [path.name for path in files] == ["a.flac", "a.out.wav", "b.flac", "b.out.wav"]
    pairs, problems = pair_by_name(files, files)
    assert [(pair.converted.name, pair.source.name) for pair in pairs] == [
        ("a.out.wav", "a.flac"),
        ("b.out.wav", "b.flac"),
    ]
    assert not problems


def test_conversions_with_no_source_or_several_are_reported(tmp_path: Path) -> None:
    sources = touch(tmp_path / "songs", "a.flac", "b.flac", "again/b.flac")
    converted = touch(tmp_path / "out", "a.out.wav", "b.out.wav", "c.out.wav")
    pairs, problems = pair_by_name(converted, sources)
    assert [pair.converted.name for pair in pairs] == ["a.out.wav"]
    assert "b.out.wav: several sources have this name" in problems[0]
    assert "c.out.wav: no source is named c" in problems[1]


def test_a_single_conversion_and_source_pair_regardless_of_names(tmp_path: Path) -> None:
    (source,), (converted,) = touch(tmp_path, "vocals.flac"), touch(tmp_path, "demo.wav")
    assert pair_by_name([converted], [source]) == ([Pair(converted, source)], [])


def test_an_empty_or_missing_folder_is_an_error(tmp_path: Path) -> None:
    touch(tmp_path, "notes.txt")
    with pytest.raises(AudioError, match="no audio files in"):
        sound_files([tmp_path])
    with pytest.raises(AudioError, match="no file or folder"):
        sound_files([tmp_path / "absent"])
