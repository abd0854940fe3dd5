"""Lists of the files refused by a preparation step, with the reason for each file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from myna.storage.atomic import write_text
from myna.text import printable

_SUFFIX = ".refused.txt"


def list_refused(folder: Path, step: str, failed: Sequence[str], ignored: Sequence[str]) -> Path | None:
    """Write `folder/<step>.refused.txt`, one line per file, and return its path.

    If no file was refused, remove the list of an earlier run and return None.

    Args:
        folder: folder of the clips.
        step: name of the command, for example "pre-resample".
        failed: lines about files that cannot be used.
        ignored: lines about files that are not part of the data set.

    Raises:
        OSError: the list cannot be written.
    """
    path = folder / f"{step}{_SUFFIX}"
    if not failed and not ignored:
        path.unlink(missing_ok=True)
        return None
    folder.mkdir(parents=True, exist_ok=True)
    write_text(path, "".join(f"{printable(line)}\n" for line in (*failed, *ignored)))
    return path


def is_list_of_refused(path: Path) -> bool:
    """Return True if a file has the suffix of the lists from `list_refused`."""
    return path.name.endswith(_SUFFIX)
