"""Paths for libraries that can only open names in UTF-8."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def utf8_path(path: Path) -> Iterator[Path]:
    """Yield a path in UTF-8 of the existing file `path`, which is valid during the block.

    Raises:
        OSError: the name is not UTF-8, and the file cannot be read.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        # Only systems with /dev/fd, Linux and macOS, have such names.
        with path.open("rb") as file:
            yield Path(f"/dev/fd/{file.fileno()}")
    else:
        yield path
