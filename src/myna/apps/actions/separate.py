"""Separation of songs into vocals and accompaniment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from myna.apps.actions.batch import Batch, run_batch
from myna.errors import AudioError, ConfigError, MynaError
from myna.progress import Progress, silent

if TYPE_CHECKING:
    from myna.song.separation.interface import Separator
    from myna.song.separation.separate import SeparationSummary


@dataclass(frozen=True)
class Separation:
    """A song and the files of its stems."""

    source: Path
    vocals: Path
    accompaniment: Path


def plan_separations(songs: Sequence[Path], folder: Path | None = None) -> list[Separation]:
    """Choose the files of the stems: NAME.vocals.wav and NAME.accompaniment.wav for NAME.mp3.

    Args:
        songs: audio files.
        folder: folder of the stems; None puts them beside each song.

    Raises:
        AudioError: a song is a folder.
        ConfigError: a file exists already, two songs have the same stems, or `folder` is a file.
    """
    if folder is not None and folder.exists() and not folder.is_dir():
        raise ConfigError(f"-o {folder} is a file; the stems need a folder")
    planned = [_planned(song, folder) for song in dict.fromkeys(songs)]
    taken: dict[Path, Path] = {}
    for one in planned:
        if (other := taken.setdefault(one.vocals.resolve(), one.source)) != one.source:
            raise ConfigError(f"{other} and {one.source} would both become {one.vocals}; separate them one by one")
        for place in (one.vocals, one.accompaniment):
            if place.exists():
                raise ConfigError(f"{place} exists already; delete it, or choose another folder with -o")
    return planned


def _planned(song: Path, folder: Path | None) -> Separation:
    if song.is_dir():
        raise AudioError(f"{song} is a folder; name the songs in it")
    place = folder or song.parent
    return Separation(song, place / f"{song.stem}.vocals.wav", place / f"{song.stem}.accompaniment.wav")


def separate(
    separator: Separator,
    planned: Sequence[Separation],
    progress: Progress = silent,
    on_failure: Callable[[MynaError], None] = lambda error: None,
) -> Batch[Separation, SeparationSummary]:
    """Separate songs one after the other; see `run_batch` for failures of single songs."""
    from myna.song.separation.separate import separate_file

    return run_batch(
        planned,
        lambda one: separate_file(one.source, one.vocals, one.accompaniment, separator, progress),
        on_failure,
    )
