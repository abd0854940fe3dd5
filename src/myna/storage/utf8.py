"""Paths for libraries that can open only files with names in UTF-8."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def utf8_path(path: Path) -> Iterator[Path]:
    """Yield a path in UTF-8 that refers to the existing file `path` until the end of the block.

    Raises:
        OSError: the name is not UTF-8, and the file cannot be read.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        # Names that are not UTF-8 exist only on Linux and macOS, which have /dev/fd.
        with path.open("rb") as file:
            yield Path(f"/dev/fd/{file.fileno()}")
    else:
        yield path
