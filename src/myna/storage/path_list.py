"""Text files that list the paths of clips, in the predecessors' format: `train.txt` and `val.txt`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def list_content(clips: Iterable[Path]) -> bytes:
    """Return the content of a list of clips: one path per line, in the encoding of the file system."""
    return "".join(f"{clip.as_posix()}\n" for clip in clips).encode(errors="surrogateescape")


def read_list(path: Path) -> list[Path]:
    """Read a list of clips from `svc pre-config`, a predecessor or a person.

    Raises:
        OSError: the file cannot be read.
    """
    text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    # `splitlines` also splits at characters that names may contain.
    return [Path(line.rstrip()) for line in text.split("\n") if line.strip()]


def can_be_listed(clip: Path) -> bool:
    """Return True if a path can be written as one line of a list."""
    return not {"\n", "\r"} & set(str(clip))
