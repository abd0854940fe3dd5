"""Safe reading of files from torch, and of files that only look like them.

These files contain a pickle and the numbers of its tensors. `pickle_machine` interprets the pickle, and this module
makes tensors from the numbers. PyTorch's own reader is not used: it calls more functions than are needed for voices,
and would parse the file a second time, possibly with a different result.
"""

from __future__ import annotations

import mmap
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, cast

import torch
from torch import Tensor

from myna.errors import CheckpointError
from myna.storage.archive import PICKLE, Archive, ArchiveError, Part, is_archive
from myna.storage.pickle_machine import (
    ARRAY_NAMES,
    Encoded,
    Function,
    Opaque,
    Record,
    RefusedError,
    checked_sizes,
    finish,
    run,
)
from myna.storage.wrong_downloads import PAGE, served_instead

# Files that are often mistaken for weights: their first bytes in lower case, and a description for the error message.
_IMPOSTORS = (
    (b"<", PAGE),
    (b"iwfl", "a retrieval index, not the voice; give it beside a voice"),
    (b"\x93numpy", "a NumPy array, perhaps features of a recording, not a voice"),
    (b"rar!", "a RAR archive; unpack it, and take what is inside"),
    (b"7z\xbc\xaf", "a 7-Zip archive; unpack it, and take what is inside"),
    (b"\x1f\x8b", "a gzip archive; unpack it, and take what is inside"),
    (b"riff", "a recording, not a voice"),
    (b"flac", "a recording, not a voice"),
    (b"id3", "a recording, not a voice"),
    (b"{", "a JSON file: perhaps the configuration; the voice is another file"),
)

# Numbers at the start of files from torch before 1.6.
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_COUNT_BYTES = 8  # size in bytes of the number of elements before each storage in these files


def read(path: Path, ignored: frozenset[str] = frozenset()) -> Any:
    """Read tensors, NumPy arrays and plain values from a file that torch wrote.

    The file is mapped into memory, and a tensor's numbers are read when the tensor is used.

    Args:
        path: file to read.
        ignored: full names of other classes that the file may contain; their instances are replaced by None.

    Raises:
        CheckpointError: the file has a different type, is damaged, or contains a name that is not allowed.
    """
    size = refuse_impostor(path)
    try:
        # The mapping is copy-on-write, so that changing a tensor does not change the file.
        with path.open("rb") as file:
            mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        reader = _read_archive if mapping[:2] == b"PK" else _read_old_file
        return reader(mapping, size, {**_NAMES, **dict.fromkeys(ignored, Function(Opaque))})
    except RefusedError as error:
        advice = ". A voice contains numbers only; get it from someone you trust" if "names" in str(error) else ""
        raise CheckpointError(f"{path} {error}: refused{advice}") from error
    except ArchiveError as error:
        raise CheckpointError(f"{path} {error}: refused") from error
    except (MemoryError, CheckpointError):
        raise
    # All other errors of the parsers mean that the file is incomplete or not from torch.
    except Exception as error:
        raise CheckpointError(f"{path} is damaged or incomplete; download it again") from error


def refuse_impostor(path: Path) -> int:
    """Check that a file looks like a complete weights file, and return its size in bytes.

    Raises:
        CheckpointError: the file cannot be read, is evidently another type of file, or is incomplete.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(512)
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
    if not size:
        raise CheckpointError(f"{path} is empty; download it again")
    text = start.lstrip().lower()
    other = next((what for beginning, what in _IMPOSTORS if text.startswith(beginning)), None)
    if (what := served_instead(start) or other) is not None:
        raise CheckpointError(f"{path} is {what}")
    if not start.startswith((b"PK", b"\x80")):  # a zip archive, or a pickle from torch before 1.6
        raise CheckpointError(f"{path} is not a checkpoint: torch did not write it")
    if start.startswith(b"PK") and not is_archive(path):  # a zip archive has its directory at the end
        raise CheckpointError(f"{path} is incomplete ({size:,} bytes); download it again")
    return size


@dataclass(frozen=True)
class _Kind:
    """Type of the numbers in a storage."""

    dtype: torch.dtype


@dataclass(frozen=True)
class _Storage:
    """Description of a storage: consecutive numbers in the file, which several tensors can share."""

    key: str
    dtype: torch.dtype
    n_numbers: int

    @classmethod
    def parse(cls, identity: Any) -> _Storage:
        """Parse a persistent id: "storage", type, key, device, number of elements, and in old files a view."""
        if type(identity) is not tuple or len(identity) not in (5, 6) or identity[0] != "storage":
            raise ValueError("a persistent id is not that of a storage")
        kind, key, _, n_numbers, *views = identity[1:]
        if not isinstance(kind, _Kind) or type(key) is not str or any(view is not None for view in views):
            raise ValueError("a storage is malformed")
        return cls(key, kind.dtype, *checked_sizes((n_numbers,), "size"))

    @property
    def n_bytes(self) -> int:
        return self.n_numbers * self.dtype.itemsize


@dataclass(frozen=True)
class _Tensor(Record):
    """Description of a tensor in a storage."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def n_bytes(self) -> int:
        return torch.Size(self.shape).numel() * self.storage.dtype.itemsize


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *more: Any) -> _Tensor:
    """Check the arguments that torch stores for a tensor, and return the tensor's description.

    The first two of `more` are ignored: `requires_grad` and the backward hooks.
    """
    if not isinstance(storage, _Storage) or any(more[2:]):
        raise ValueError("a tensor is malformed")
    (offset,) = checked_sizes((offset,), "offset")
    shape, strides = checked_sizes(shape, "shape"), checked_sizes(strides, "strides")
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if last >= storage.n_numbers and 0 not in shape:
        raise ValueError("a tensor is larger than its storage")
    return _Tensor(storage, offset, shape, strides)


def _parameter(data: Any, *_: Any) -> _Tensor:
    if not isinstance(data, _Tensor):
        raise ValueError("a parameter is not a tensor")
    return data


def _set(values: Any = ()) -> frozenset[Any]:
    if type(values) is not list or not all(type(value) in (str, int) for value in values):
        raise ValueError("a set contains something other than names and numbers")
    return frozenset(values)


_STORAGES = {
    **{"BFloat16": torch.bfloat16, "Bool": torch.bool, "Byte": torch.uint8, "Char": torch.int8},
    **{"ComplexFloat": torch.complex64, "Double": torch.float64, "Float": torch.float32, "Half": torch.float16},
    **{"Int": torch.int32, "Long": torch.int64, "Short": torch.int16},
}
_DTYPES = ("bfloat16", "float16", "float32", "float64", "int32", "int64", "uint8", "bool")
_NAMES: Mapping[str, Any] = MappingProxyType(
    {
        **ARRAY_NAMES,
        "_codecs.encode": Function(Encoded),
        **dict.fromkeys(("__builtin__.set", "builtins.set"), Function(_set)),
        "torch.Size": Function(lambda sizes: checked_sizes(tuple(sizes), "shape")),
        "torch.device": Function(lambda kind, *_: str(kind)[:20]),
        **dict.fromkeys(("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2"), Function(_tensor)),
        "torch._utils._rebuild_parameter": Function(_parameter),
        **{f"torch.{name}Storage": _Kind(dtype) for name, dtype in _STORAGES.items()},
        **{f"torch.{name}": getattr(torch, name) for name in _DTYPES},
    }
)


class _Numbers:
    """Converter of tensor descriptions to tensors of the numbers in a file."""

    def __init__(self, mapping: mmap.mmap, parts: Mapping[str, Part], byte_order: str) -> None:
        self._mapping = mapping
        self._parts = parts
        self._swapped = byte_order != sys.byteorder
        self._read: dict[_Storage, Tensor] = {}

    def __call__(self, record: Record) -> tuple[Any, int]:
        """Return the value of a record, and the size of the value in bytes."""
        if isinstance(record, Opaque):
            return None, 0
        if not isinstance(record, _Tensor):
            raise ValueError("it contains an incomplete object")
        return self._numbers(record.storage).as_strided(record.shape, record.strides, record.offset), record.n_bytes

    def _numbers(self, storage: _Storage) -> Tensor:
        """Return the numbers of a storage, (n_numbers,)."""
        if storage not in self._read:
            start, size = self._parts[storage.key]
            if storage.n_bytes > size or start + size > len(self._mapping):
                raise ValueError("a storage is larger than its part of the file")
            self._read[storage] = self._flat(storage, start)
        return self._read[storage]

    def _flat(self, storage: _Storage, start: int) -> Tensor:
        if not storage.n_numbers:
            return torch.empty(0, dtype=storage.dtype)
        flat = torch.frombuffer(self._mapping, dtype=storage.dtype, count=storage.n_numbers, offset=start)
        if start % storage.dtype.itemsize or self._swapped:
            flat = flat.clone()
        if self._swapped:
            flat.untyped_storage().byteswap(storage.dtype)  # type: ignore[no-untyped-call]
        return flat


def _read_archive(mapping: mmap.mmap, size: int, names: Mapping[str, Any]) -> Any:
    archive = Archive(mapping)
    start, length = archive.parts[PICKLE]
    mapping.seek(start)
    built = run(cast(IO[bytes], mapping), names, _Storage.parse)
    if mapping.tell() > start + length:
        raise ValueError("the pickle does not end")
    parts = {name.removeprefix("data/"): part for name, part in archive.parts.items() if name.startswith("data/")}
    return finish(built, size, _Numbers(mapping, parts, archive.byte_order))


def _read_old_file(mapping: mmap.mmap, size: int, names: Mapping[str, Any]) -> Any:
    """Read a file from torch before 1.6: five pickles, then the storages in the order of the last pickle."""

    stream = cast(IO[bytes], mapping)

    def next_pickle() -> Any:
        return run(stream, names).content

    magic = next_pickle()
    if magic != _MAGIC or next_pickle() != _PROTOCOL:
        raise RefusedError("is a pickle that torch did not write")
    system = next_pickle()
    storages: dict[str, _Storage] = {}
    built = run(stream, names, lambda identity: storages.setdefault(identity[2], _Storage.parse(identity)))
    keys = next_pickle()
    parts, start = {}, mapping.tell()
    for key in keys:
        storage = storages[key]
        n_numbers = int.from_bytes(mapping[start : start + _COUNT_BYTES], "little")
        if n_numbers != storage.n_numbers:
            raise ValueError("a storage has another size than its tensors")
        parts[key] = Part(start + _COUNT_BYTES, storage.n_bytes)
        start += _COUNT_BYTES + storage.n_bytes
    order = "little" if system.get("little_endian", True) else "big"
    return finish(built, size, _Numbers(mapping, parts, order))
