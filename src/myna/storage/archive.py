"""The zip archive that torch writes: a pickle, and the numbers of each storage, uncompressed.

Readers of zip archives disagree on files that are written to confuse them. Therefore only this module reads archives,
the archive is mapped into memory once, and an archive that another program could read differently is refused.
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
_LONGEST_DIRECTORY = 8 * 2**20  # bytes; that of a large voice has 0.2 MB
_IN_EXTRA_FIELD = 0xFFFFFFFF  # size in a local header whose actual size is in its 64-bit field


class ArchiveError(Exception):
    """An archive is not one that torch writes; the message completes the sentence "FILE ...: refused"."""


class Part(NamedTuple):
    """Position of the data of an entry in the file, in bytes."""

    start: int
    size: int


class Archive:
    """The entries of an archive, by their names in its folder: `data.pkl`, `byteorder`, `data/0` and so on."""

    def __init__(self, mapping: mmap.mmap) -> None:
        """
        Args:
            mapping: the complete file.

        Raises:
            ArchiveError: torch does not write such an archive.
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
            KeyError: there is no such entry.
        """
        start, size = self.parts[name]
        return self.mapping[start : start + size]

    @property
    def byte_order(self) -> str:
        """Byte order of the numbers: "little" or "big"; archives that do not state it are little-endian."""
        order = self.read("byteorder").decode() if "byteorder" in self.parts else "little"
        if order not in ("little", "big"):
            raise ValueError(f"unknown byte order {order!r}")
        return order

    def _parts(self, entries: list[zipfile.ZipInfo], directory: int) -> Iterator[tuple[str, Part]]:
        """Yield name and position of each entry, after a check of its local header."""
        end = 0
        for entry in entries:
            start = self._start_of(entry)
            # The first entry begins the file. Entries do not overlap, and the directory follows them.
            if entry.header_offset < end or (end == 0 and entry.header_offset != 0):
                raise ArchiveError("is an archive that programs read differently")
            end = start + entry.file_size
            if end > directory:
                raise ArchiveError("is an archive that programs read differently")
            yield entry.filename, Part(start, entry.file_size)

    def _start_of(self, entry: zipfile.ZipInfo) -> int:
        """Return the position of an entry's data; its local header must agree with the directory."""
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
            raise ArchiveError("is an archive that programs read differently")
        return here + _LOCAL_HEADER.size + int(name_length) + int(extra_length)


class _Bounded:
    """A file of which only a little is read at once, because a directory takes ten times its size in memory."""

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
    """Return whether a file is a complete zip archive."""
    try:
        return zipfile.is_zipfile(path)
    except (zipfile.BadZipFile, ValueError):
        return False
