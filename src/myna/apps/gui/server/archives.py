"""Zip files that are sent while they are written, so that they need no disk space."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

_BLOCK_BYTES = 1 << 20


class _Pipe:
    """Writable file that holds only the bytes written since the last `take`."""

    def __init__(self) -> None:
        self._held = bytearray()

    def write(self, data: bytes) -> int:
        self._held += data
        return len(data)

    def flush(self) -> None: ...

    def take(self) -> bytes:
        held, self._held = bytes(self._held), bytearray()
        return held


def zipped(files: Iterable[tuple[str, Path]]) -> Iterator[bytes]:
    """Yield the bytes of an uncompressed zip file of (name, file) pairs; repeated names get a number."""
    pipe = _Pipe()
    taken: set[str] = set()
    with zipfile.ZipFile(pipe, "w") as archive:  # type: ignore[call-overload]
        for wanted, path in files:
            name, number = wanted, 2
            while name.casefold() in taken:
                name, number = f"{Path(wanted).stem} {number}{Path(wanted).suffix}", number + 1
            taken.add(name.casefold())
            entry = zipfile.ZipInfo(name, time.localtime(path.stat().st_mtime)[:6])
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
                while block := source.read(_BLOCK_BYTES):
                    target.write(block)
                    yield pipe.take()
    yield pipe.take()
