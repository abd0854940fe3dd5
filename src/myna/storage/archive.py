"""Reader of torch's zip archives, which contain a pickle and the numbers of each tensor storage, uncompressed.

Zip readers disagree about the content of maliciously crafted files. Therefore, only this module reads the archives,
each archive is mapped into memory once, and archives that other programs could read differently are refused.
"""

from __future__ import annotations

import mmap
import re
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple, cast

PICKLE = "data.pkl"
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_LOCAL_SIGNATURE = b"PK\x03\x04"
_ENCRYPTED, _SIZES_FOLLOW = 0x1, 0x8  # flags of an entry
_LONGEST_DIRECTORY = 8 * 2**20  # bytes; the directory of a large voice has 0.2 MB
_IN_EXTRA_FIELD = 0xFFFFFFFF  # placeholder in a local header for a size in the 64-bit extra field


class ArchiveError(Exception):
    """Error for an archive that torch would not write; the message completes the sentence "FILE ...: refused"."""


class Part(NamedTuple):
    """Position of the data of an entry in the file, in bytes."""

    start: int
    size: int


class Archive:
    """Entries of an archive, by their names in its only folder: `data.pkl`, `byteorder`, `data/0` and so on."""

    def __init__(self, mapping: mmap.mmap) -> None:
        """
        Args:
            mapping: the complete file, mapped into memory.

        Raises:
            ArchiveError: torch would not write such an archive.
            zipfile.BadZipFile: the archive is damaged.
        """
        self.mapping = mapping
        with zipfile.ZipFile(cast(IO[bytes], _Bounded(mapping))) as archive:
            entries = sorted(archive.infolist(), key=lambda entry: entry.header_offset)
            directory = archive.start_dir
        _refuse_other_archives(entries)
        folders = [entry.filename.removesuffix(PICKLE) for entry in entries if _is_pickle(entry.filename)]
        if len(folders) != 1:
            raise ArchiveError("is an archive that torch did not write; if it contains a voice, unpack it first")
        parts = dict(self._parts(entries, directory))
        self.parts = {name.removeprefix(folders[0]): part for name, part in parts.items()}

    def read(self, name: str) -> bytes:
        """Return the data of an entry.

        Raises:
            KeyError: the archive has no such entry.
        """
        start, size = self.parts[name]
        return self.mapping[start : start + size]

    @property
    def byte_order(self) -> str:
        """Byte order of the numbers: "little" or "big"; archives without a stated order are little-endian."""
        order = self.read("byteorder").decode() if "byteorder" in self.parts else "little"
        if order not in ("little", "big"):
            raise ValueError(f"unknown byte order {order!r}")
        return order

    def _parts(self, entries: list[zipfile.ZipInfo], directory: int) -> Iterator[tuple[str, Part]]:
        """Check the local header of each entry, and yield the entry's name and the position of its data."""
        end = 0
        for entry in entries:
            start = self._start_of(entry)
            # The first entry must be at the start of the file. Entries must not overlap, and the directory must follow
            # them.
            if entry.header_offset < end or (end == 0 and entry.header_offset != 0):
                raise ArchiveError("is an archive that two zip readers could interpret differently")
            end = start + entry.file_size
            if end > directory:
                raise ArchiveError("is an archive that two zip readers could interpret differently")
            yield entry.filename, Part(start, entry.file_size)

    def _start_of(self, entry: zipfile.ZipInfo) -> int:
        """Return the position of an entry's data; raise `ArchiveError` if its local header and the directory differ."""
        here = entry.header_offset
        header = _LOCAL_HEADER.unpack(self.mapping[here : here + _LOCAL_HEADER.size])
        signature, _, flags, method, _, _, _, size, full_size, name_length, extra_length = header
        named = here + _LOCAL_HEADER.size
        name = self.mapping[named : named + name_length]
        known_sizes = {entry.file_size, _IN_EXTRA_FIELD, *([0] if flags & _SIZES_FOLLOW else [])}
        agrees = (
            signature == _LOCAL_SIGNATURE
            and method == zipfile.ZIP_STORED
            and not (flags | entry.flag_bits) & _ENCRYPTED
            and {size, full_size} <= known_sizes
            and name.decode("utf-8", "replace") == entry.orig_filename == entry.filename
        )
        if not agrees:
            raise ArchiveError("is an archive that two zip readers could interpret differently")
        return here + _LOCAL_HEADER.size + int(name_length) + int(extra_length)


class _Bounded:
    """File that refuses large reads, because a parsed zip directory takes ten times its size in memory."""

    def __init__(self, mapping: mmap.mmap) -> None:
        self.seek, self.tell = mapping.seek, mapping.tell
        self._read = mapping.read

    def read(self, n_bytes: int | None = None) -> bytes:
        if n_bytes is not None and n_bytes > _LONGEST_DIRECTORY:
            raise ArchiveError("has a far longer directory than a voice")
        return self._read(n_bytes)


def _refuse_other_archives(entries: list[zipfile.ZipInfo]) -> None:
    for entry in entries:
        if _leads_out(entry.filename):
            raise ArchiveError(f"contains {entry.filename!r}, which leads out of its folder")
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise ArchiveError(
                "is compressed, unlike torch's own files (if it is an archive of several files, unpack it first)"
            )
    if len({entry.filename.casefold() for entry in entries}) < len(entries):
        raise ArchiveError("contains several entries of one name")


def _is_pickle(name: str) -> bool:
    return name.count("/") == 1 and name.endswith(f"/{PICKLE}")


def _leads_out(name: str) -> bool:
    parts = re.split(r"[/\\]", name)
    return parts[0] == "" or ".." in parts or ":" in parts[0]


def is_archive(path: Path) -> bool:
    """Return True if a file is a complete zip archive."""
    try:
        return zipfile.is_zipfile(path)
    except (zipfile.BadZipFile, ValueError):
        return False
