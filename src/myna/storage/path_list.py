"""Text files that list paths of clips, as in the predecessors: `train.txt` and `val.txt`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from myna.storage.atomic import replacing


def write_list(path: Path, clips: Iterable[Path]) -> None:
    """Write a list of clips atomically: one path per line, in the bytes of the file system.

    Raises:
        OSError: the file cannot be written.
    """
    lines = "".join(f"{clip.as_posix()}\n" for clip in clips)
    with replacing(path) as temporary:
        temporary.write_text(lines, encoding="utf-8", errors="surrogateescape", newline="\n")


def read_list(path: Path) -> list[Path]:
    """Read a list that `write_list`, a predecessor or a person wrote.

    Raises:
        OSError: the file cannot be read.
    """
    text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    # Names may contain the other characters at which `splitlines` splits.
    return [Path(line.rstrip()) for line in text.split("\n") if line.strip()]


def can_be_listed(clip: Path) -> bool:
    """Return whether a path fits in one line of a list."""
    return not {"\n", "\r"} & set(str(clip))
