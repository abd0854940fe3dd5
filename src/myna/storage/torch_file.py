"""Safe reading of files that torch wrote, or that claim to be such files.

These files contain pickles, and a pickle is a program. This module first checks the names and opcodes of each pickle
against `pickle_steps`; then torch's weights-only reader runs it and builds tensors and plain values. Compressed
archives, paths that lead out of the archive, and tensors far larger than the file are also refused, because torch does
not guard against them.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from myna.errors import CheckpointError
from myna.storage.pickle_steps import (
    ALLOWED_NAMES,
    ALLOWED_OPCODES,
    ARRAY_FUNCTIONS,
    ARRAY_MODULES,
    Steps,
    follow_steps,
)
from myna.storage.wrong_downloads import PAGE, served_instead

_ARRAY_DTYPES = ("float16", "float32", "float64", "int32", "int64")

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

_OLD_PICKLES = 5
_MOST_SHARED = 8  # limit of tensor bytes per byte of the file; a shared flow uses its tensors four times


def read(path: Path, stand_ins: Mapping[str, type] = MappingProxyType({})) -> Any:
    """Read tensors and plain values from a file that torch wrote.

    If the format allows it, tensors are memory-mapped, so unused tensors are not loaded.

    Args:
        path: file to read.
        stand_ins: harmless classes for additional names that the file may contain, keyed by full name.

    Raises:
        CheckpointError: the file is of another type, is damaged, or contains a name that is not allowed.
    """
    size = refuse_impostor(path)
    is_archive = _is_archive(path)
    try:
        for steps in _pickles_in_archive(path, size) if is_archive else _pickles_in_old_file(path):
            for name in sorted(steps.names - ALLOWED_NAMES - stand_ins.keys()):
                raise CheckpointError(
                    f"{path} names {name}, which could run code when the file is opened: refused. "
                    "A voice contains numbers only; get it from someone you trust"
                )
            if steps.opcodes - ALLOWED_OPCODES:
                raise CheckpointError(f"{path} is a pickle that torch did not write: refused")
        known = [*_array_globals(), *((stand_in, name) for name, stand_in in stand_ins.items())]
        with torch.serialization.safe_globals(known), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns about old formats, but reads them correctly
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=is_archive or None)
        _check_tensors(path, content, size)
    except (MemoryError, CheckpointError):
        raise
    # torch passes on any error of its parsers. All mean that the file is incomplete or that torch did not write it.
    except Exception as error:
        if "Weights only" in str(error):
            raise CheckpointError(f"{path} is a pickle that torch did not write: refused") from error
        raise CheckpointError(f"{path} is damaged or incomplete; download it again") from error
    return content


def refuse_impostor(path: Path) -> int:
    """Return the size of a file in bytes.

    Raises:
        CheckpointError: the file cannot be read, or its first bytes show that it is not a complete weight file.
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
    if start.startswith(b"PK") and not _is_archive(path):  # the directory is at the end of a zip archive
        raise CheckpointError(f"{path} is incomplete ({size:,} bytes); download it again")
    return size


def _is_archive(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except (zipfile.BadZipFile, ValueError):
        return False


def _pickles_in_archive(path: Path, size: int) -> list[Steps]:
    """Check the entries of an archive that torch wrote, and return the names and opcodes of its pickles."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        for entry in entries:
            parts = re.split(r"[/\\]", entry.filename)
            if parts[0] == "" or ".." in parts or ":" in parts[0]:
                raise CheckpointError(f"{path} contains {entry.filename!r}, which leads out of its folder: refused")
        compressed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
        if compressed or sum(entry.file_size for entry in entries) > size:
            raise CheckpointError(
                f"{path} is compressed, unlike torch's own files: refused. If it is an archive of several files, "
                "unpack it first"
            )
        pickles = [archive.read(entry) for entry in entries if entry.filename.endswith(".pkl")]
    return [follow_steps(BytesIO(one)) for one in pickles]


def _pickles_in_old_file(path: Path) -> list[Steps]:
    """Return the names and opcodes of the five pickles in a file from torch before 1.6; tensor data follow them."""
    with path.open("rb") as file:
        return [follow_steps(file) for _ in range(_OLD_PICKLES) if file.peek(1)]


def _check_tensors(path: Path, content: Any, size: int) -> None:
    """Refuse tensors that repeat a small part of the file, because they would fill the memory when used."""
    n_bytes = 0
    for tensor in _tensors(content):
        if tensor.layout != torch.strided or tensor.is_quantized:
            raise CheckpointError(f"{path} contains tensors that are not plain arrays: not a voice")
        n_bytes += tensor.numel() * tensor.element_size()
    if n_bytes > _MOST_SHARED * size:
        raise CheckpointError(f"{path} expands from {size:,} to {n_bytes:,} bytes: refused")


def _tensors(content: Any) -> Iterator[Tensor]:
    """Yield each tensor in the nested containers of `content` once."""
    visited, left = set[int](), [content]
    while left:
        one = left.pop()
        if id(one) in visited:
            continue
        visited.add(id(one))
        if isinstance(one, Tensor):
            yield one
        elif isinstance(one, dict | list | tuple):
            left.extend(one.values() if isinstance(one, dict) else one)


@cache
def _array_globals() -> list[Any]:
    """Return the NumPy functions and types that torch's reader may use."""
    makers = (np.float64(0).__reduce__()[0], np.zeros(1).__reduce__()[0])
    functions = [
        (maker, f"{module}.{name}")
        for name, maker in zip(ARRAY_FUNCTIONS, makers, strict=True)
        for module in ARRAY_MODULES
    ]
    return [*functions, np.ndarray, np.dtype, *(type(np.dtype(name)) for name in _ARRAY_DTYPES)]
