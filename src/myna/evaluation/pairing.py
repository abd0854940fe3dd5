"""Pairing of conversions with their sources by the file names from `svc infer` (`song.flac` -> `song.out.wav`)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from myna.audio.folders import find_recordings
from myna.errors import AudioError


@dataclass(frozen=True)
class Pair:
    """A conversion and its source."""

    converted: Path
    source: Path


def sound_files(paths: Iterable[Path]) -> list[Path]:
    """Replace each folder in `paths` with the audio files in it, sorted by path; remove duplicates.

    Raises:
        AudioError: a path does not exist, or a folder contains no audio files.
    """
    files: list[Path] = []
    for path in paths:
        if not path.is_dir():
            if not path.exists():
                raise AudioError(f"there is no file or folder {path}")
            files.append(path)
            continue
        found = find_recordings(path)
        if not found:
            raise AudioError(f"there are no audio files in {path}")
        files += found
    return list(dict.fromkeys(files))


def pair_by_name(converted: Sequence[Path], sources: Sequence[Path]) -> tuple[list[Pair], list[str]]:
    """Pair conversions with sources by name; return the pairs and one message for each unpaired conversion.

    A single conversion and a single source are paired regardless of their names. If both arguments list the files of
    the same folder, the conversions are the files with `.out` before the suffix.
    """
    results = {path.resolve() for path in converted if path.stem.endswith(".out")}
    sources = [path for path in sources if path.resolve() not in results]
    originals = {path.resolve() for path in sources}
    converted = [path for path in converted if path.resolve() not in originals]
    if len(converted) == len(sources) == 1:
        return [Pair(converted[0], sources[0])], []
    by_name: dict[str, list[Path]] = {}
    for path in sources:
        by_name.setdefault(take_name(path), []).append(path)
    pairs, problems = [], []
    for path in converted:
        match by_name.get(take_name(path), []):
            case [source]:
                pairs.append(Pair(path, source))
            case []:
                problems.append(f"{path}: no source is named {take_name(path)}")
            case several:
                problems.append(f"{path}: several sources have this name: {', '.join(map(str, several))}")
    return pairs, problems


def take_name(path: Path) -> str:
    """Return the common name of a conversion and its source: the file name without its suffix and without `.out`."""
    return unicodedata.normalize("NFC", path.stem.removesuffix(".out"))
