"""Covers of songs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from myna.apps.actions.batch import Batch, run_batch
from myna.apps.actions.convert import plan_conversions
from myna.errors import AudioError, ConfigError, MynaError
from myna.options import ConversionOptions, CoverOptions
from myna.progress import Progress, silent
from myna.song.cover_files import CoverFiles

if TYPE_CHECKING:
    from myna.conversion.converter import Converter
    from myna.song.cover import CoverSummary
    from myna.song.separation.interface import Separator


def plan_covers(
    songs: Sequence[Path],
    output: str | None = None,
    stems: Path | None = None,
    vocals: Path | None = None,
    accompaniment: Path | None = None,
) -> list[CoverFiles]:
    """Choose a different output file for the cover of each song, and the files of the stems.

    Args:
        songs: audio files, and folders of audio files.
        output: see `plan_conversions`; None puts NAME.cover.SUFFIX beside each song.
        stems: folder for the stems of all songs; None writes none.
        vocals: file of the song's vocals, allowed if there is only one song.
        accompaniment: file of the song's music, allowed if there is only one song.

    Raises:
        AudioError: a folder contains no song, or a given file does not exist.
        ConfigError: vocals or music are given for several songs, or an output file would replace another file.
    """
    for path in (vocals, accompaniment):
        if path is not None and not path.is_file():
            raise AudioError(f"there is no file {path}")
    if stems is not None and stems.exists() and not stems.is_dir():
        raise ConfigError(f"--stems {stems} is a file; the stems need a folder")
    planned = [
        CoverFiles(one.source, one.output, vocals, accompaniment, stems)
        for one in plan_conversions(songs, output, recursive=False, result=".cover")
    ]
    if len(planned) > 1 and (vocals or accompaniment):
        raise ConfigError("--vocals and --accompaniment belong to one song; make the cover of each song alone")
    taken: dict[Path, Path] = {}
    for one in planned:
        one.check()
        for path in one.stem_files.values():
            if (other := taken.setdefault(path.resolve(), one.song)) != one.song:
                raise ConfigError(f"{other} and {one.song} would both have the stem {path}; use two folders")
    return planned


def make_covers(
    converter: Converter,
    planned: Sequence[CoverFiles],
    options: CoverOptions,
    conversion: ConversionOptions,
    cache_folder: Path | None,
    progress: Progress = silent,
    on_failure: Callable[[MynaError], None] = lambda error: None,
) -> Batch[CoverFiles, CoverSummary]:
    """Make covers one after the other; see `run_batch` for failures.

    Raises:
        ConfigError: the voice does not support an option, or there are pitch edits and several songs.
        AssetError, CheckpointError: the weights of the separator are unavailable or damaged.
        MissingExtraError: an option needs a library that is not installed.
    """
    from myna.song.cover import CoverMaker
    from myna.song.separation.loading import load_separator

    @cache
    def load() -> Separator:
        return load_separator(options.separator, converter.device)

    if conversion.pitch is not None and len(planned) > 1:
        raise ConfigError(f"the pitch edits {conversion.pitch} belong to one song; make its cover alone")
    maker = CoverMaker(converter, load, options, conversion, cache_folder)
    if any(one.needs_separation for one in planned):
        load()  # a missing separator is reported once, before any work
    return run_batch(planned, lambda one: maker.make(one, progress), on_failure)
