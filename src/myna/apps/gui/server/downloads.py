"""Sound files of results for download, in the chosen format and with the chosen levels of the stems."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from myna.apps.gui.tasks.sounds import Remix, RewriteSound
from myna.studio import results, stems
from myna.studio.results import Result
from myna.studio.stems import Level, Stems

if TYPE_CHECKING:
    from myna.apps.gui.server.context import Studio


def downloadable(studio: Studio, found: Result, form: str) -> Path:
    """Return the sound of a result as a file in the format `form`; the file is kept until the sound changes.

    Raises:
        MynaError: the file cannot be written, for example because all tracks are muted.
    """
    record = stems.find_stems(studio.workspace, found.number)
    if record is None:
        return _kept(studio, found, form)
    levels = stems.levels_of(studio.workspace, found.number, record)
    mix = stems.mix_id(studio.workspace, found.number, record, levels)
    if mix == record.made:
        return _kept(studio, found, form, song=results.source(studio.workspace, found))
    path = results.copy_path(studio.workspace, found, f"-{mix}.{form}")
    if not path.is_file():
        _make_room(path)
        parts = _parts(stems.folder(studio.workspace, found.number), record, levels)
        studio.call(Remix(parts, path, tags_of=found.path, song=results.source(studio.workspace, found)))
    return path


def _kept(studio: Studio, found: Result, form: str, song: Path | None = None) -> Path:
    """Return the stored sound of a result, with unchanged levels, in a format."""
    if found.path.suffix == f".{form}":
        return found.path
    path = results.copy_path(studio.workspace, found, f"-{found.path.stat().st_mtime_ns}.{form}")
    if not path.is_file():
        _make_room(path)
        studio.call(RewriteSound(found.path, path, song))
    return path


def _make_room(path: Path) -> None:
    """Delete earlier versions of a file."""
    for old in path.parent.glob(f"*{path.suffix}"):
        old.unlink(missing_ok=True)


def _parts(folder: Path, record: Stems, levels: Mapping[str, Level]) -> list[tuple[Path, float]]:
    """Return the stems that are in the mix, with their gains in dB."""
    gains = stems.gains_db(levels)
    return [
        (folder / stem.file, gains[stem.name] + 20 * math.log10(stem.gain))
        for stem in record.stems
        if stem.name in gains
    ]
