"""Paths for libraries that can open only files whose names are UTF-8."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def utf8_path(path: Path) -> Iterator[Path]:
    """Yield a path that is UTF-8 and leads to the existing file `path` until the end of the block.

    Raises:
        OSError: the name is not UTF-8, and the file cannot be read.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        # Such names exist only on Linux and macOS, which have /dev/fd.
        with path.open("rb") as file:
            yield Path(f"/dev/fd/{file.fileno()}")
    else:
        yield path
