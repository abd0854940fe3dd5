"""Files of results for download, in the format and with the levels that a person has chosen."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from myna.apps.gui.tasks.sounds import Remix, RewriteSound
from myna.studio import results, stems
from myna.studio.results import Result

if TYPE_CHECKING:
    from myna.apps.gui.server.context import Studio


def downloadable(studio: Studio, found: Result, form: str) -> Path:
    """Return the sound of a result as a file of a format; it is written if needed, and kept until the sound changes.

    Raises:
        MynaError: it cannot be written, for example because all tracks are muted.
    """
    suffix, mix = f".{form}", _changed_mix(studio, found)
    if mix is None and found.path.suffix == suffix:
        return found.path
    version = mix or str(found.path.stat().st_mtime_ns)
    path = results.copy_path(studio.workspace, found, f"-{version}{suffix}")
    if not path.is_file():
        for old in path.parent.glob(f"*{suffix}"):
            old.unlink(missing_ok=True)
        parts = _parts(studio, found)
        studio.call(RewriteSound(found.path, path) if mix is None else Remix(parts, path, found.path))
    return path


def _changed_mix(studio: Studio, found: Result) -> str | None:
    """Return the id of the mix of a result's stems; None if it has none, or if it is the mix as it was made."""
    record = stems.find_stems(studio.workspace, found.number)
    if record is None:
        return None
    levels = stems.levels_of(studio.workspace, found.number, record)
    mix = stems.mix_id(studio.workspace, found.number, record, levels)
    return mix if mix != record.made else None


def _parts(studio: Studio, found: Result) -> list[tuple[Path, float]]:
    """Return the stems that are in the mix, with their gains in dB."""
    record = stems.find_stems(studio.workspace, found.number)
    if record is None:
        return []
    gains = stems.gains_db(stems.levels_of(studio.workspace, found.number, record))
    folder = stems.folder(studio.workspace, found.number)
    return [
        (folder / stem.file, gains[stem.name] + 20 * math.log10(stem.gain))
        for stem in record.stems
        if stem.name in gains
    ]
