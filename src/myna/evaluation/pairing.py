"""Which conversion was made of which source: by name, as `svc infer` names them (`song.flac` -> `song.out.wav`)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from myna.audio.folders import find_recordings
from myna.errors import AudioError


@dataclass(frozen=True)
class Pair:
    """A conversion and what it was made of."""

    converted: Path
    source: Path


def sound_files(places: Iterable[Path]) -> list[Path]:
    """The files among `places`, and the sound files in the folders among them and below, in order of name.

    Raises:
        AudioError: a place is not there, or a folder holds no sound.
    """
    files: list[Path] = []
    for place in places:
        if not place.is_dir():
            if not place.exists():
                raise AudioError(f"there is no file or folder {place}")
            files.append(place)
            continue
        found = find_recordings(place)
        if not found:
            raise AudioError(f"there are no sound files in {place}")
        files += found
    return list(dict.fromkeys(files))


def pair_by_name(converted: Sequence[Path], sources: Sequence[Path]) -> tuple[list[Pair], list[str]]:
    """Pairs, and a line for each conversion whose source cannot be told.

    One conversion and one source are a pair whatever their names. Conversions and sources may lie in one folder, given
    as both: there `.out` tells them apart.
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
                problems.append(f"{path}: no source is called {take_name(path)}")
            case several:
                problems.append(f"{path}: several sources have its name: {', '.join(map(str, several))}")
    return pairs, problems


def take_name(path: Path) -> str:
    """What a conversion and its source are both called: the name without suffix and without `.out`."""
    return unicodedata.normalize("NFC", path.stem.removesuffix(".out"))
