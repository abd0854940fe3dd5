"""Files that torch wrote, or pretend to be: read without running anything that they hold.

A pickle is a program. Before torch's own reader of weights, which builds tensors and plain values, follows its steps,
they are looked through: `pickle_steps` lists what they may name and do. Refused, too, is what torch does not guard
against: archives that grow when they are unpacked, names that lead out of a folder, tensors larger than the file.
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

# What else people often have under the name of weights: how it begins, in small letters, and what it is.
_IMPOSTORS = (
    (b"<", PAGE),
    (b"iwfl", "a retrieval index, not the voice; give it beside a voice"),
    (b"\x93numpy", "an array of numpy, perhaps features of a recording, not a voice"),
    (b"rar!", "a RAR archive; unpack it, and take what is inside"),
    (b"7z\xbc\xaf", "a 7-Zip archive; unpack it, and take what is inside"),
    (b"\x1f\x8b", "a gzip archive; unpack it, and take what is inside"),
    (b"riff", "a recording, not a voice"),
    (b"flac", "a recording, not a voice"),
    (b"id3", "a recording, not a voice"),
    (b"{", "a JSON file: perhaps the configuration; the voice is another file"),
)

_OLD_PICKLES = 5
_MOST_SHARED = 8  # how often the bytes of a file may be seen by its tensors: a shared flow is seen four times


def read(path: Path, stand_ins: Mapping[str, type] = MappingProxyType({})) -> Any:
    """The content of a file that torch wrote, tensors and plain values only.

    Tensors lie in the file until they are looked at, so what is not needed of a file costs nothing.

    Args:
        stand_ins: harmless classes for what the file may name besides, by its full name.

    Raises:
        CheckpointError: the file is something else, damaged, or names what is not allowed.
    """
    size = refuse_impostor(path)
    is_archive = _is_archive(path)
    try:
        for steps in _pickles_in_archive(path, size) if is_archive else _pickles_in_old_file(path):
            for name in sorted(steps.names - ALLOWED_NAMES - stand_ins.keys()):
                raise CheckpointError(
                    f"{path} names {name}, which could run code when the file is opened: refused. "
                    "A voice holds numbers only; get it from someone you trust"
                )
            if steps.opcodes - ALLOWED_OPCODES:
                raise CheckpointError(f"{path} is a pickle that torch did not write: refused")
        known = [*_array_globals(), *((stand_in, name) for name, stand_in in stand_ins.items())]
        with torch.serialization.safe_globals(known), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old formats, which are read well
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=is_archive or None)
        _check_tensors(path, content, size)
    except (MemoryError, CheckpointError):
        raise
    # torch raises whatever its parsers stumble over; each means that this is not a file that it wrote, or not whole.
    except Exception as error:
        if "Weights only" in str(error):
            raise CheckpointError(f"{path} is a pickle that torch did not write: refused") from error
        raise CheckpointError(f"{path} is damaged or only a part of the file; get it again") from error
    return content


def refuse_impostor(path: Path) -> int:
    """The size of a file in bytes; `CheckpointError` where it is what people often get instead of weights."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(512)
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
    if not size:
        raise CheckpointError(f"{path} is empty; get it again")
    text = start.lstrip().lower()
    other = next((what for beginning, what in _IMPOSTORS if text.startswith(beginning)), None)
    if (what := served_instead(start) or other) is not None:
        raise CheckpointError(f"{path} is {what}")
    if not start.startswith((b"PK", b"\x80")):  # a zip archive, or the pickle of torch before 1.6
        raise CheckpointError(f"{path} is not a checkpoint: torch did not write it")
    if start.startswith(b"PK") and not _is_archive(path):  # the directory of a zip archive stands at its end
        raise CheckpointError(f"{path} is only a part of the file ({size:,} bytes); get it again")
    return size


def _is_archive(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except (zipfile.BadZipFile, ValueError):
        return False


def _pickles_in_archive(path: Path, size: int) -> list[Steps]:
    """What the pickles in an archive of torch's do, where nothing else in it is wrong."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        for entry in entries:
            parts = re.split(r"[/\\]", entry.filename)
            if parts[0] == "" or ".." in parts or ":" in parts[0]:
                raise CheckpointError(f"{path} holds {entry.filename!r}, which leads out of its folder: refused")
        swollen = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
        if swollen or sum(entry.file_size for entry in entries) > size:
            raise CheckpointError(
                f"{path} is packed, which torch's own files are not: refused. If it is an archive of several files, "
                "unpack it first"
            )
        pickles = [archive.read(entry) for entry in entries if entry.filename.endswith(".pkl")]
    return [follow_steps(BytesIO(one)) for one in pickles]


def _pickles_in_old_file(path: Path) -> list[Steps]:
    """torch before 1.6 wrote five pickles after each other, and then the numbers."""
    with path.open("rb") as file:
        return [follow_steps(file) for _ in range(_OLD_PICKLES) if file.peek(1)]


def _check_tensors(path: Path, content: Any, size: int) -> None:
    """A tensor may be a small part of the file repeated without end, which would fill the memory once it is used."""
    n_bytes = 0
    for tensor in _tensors(content):
        if tensor.layout != torch.strided or tensor.is_quantized:
            raise CheckpointError(f"{path} holds tensors that are not plain arrays: not a voice")
        n_bytes += tensor.numel() * tensor.element_size()
    if n_bytes > _MOST_SHARED * size:
        raise CheckpointError(f"{path} swells from {size:,} to {n_bytes:,} bytes: refused")


def _tensors(content: Any) -> Iterator[Tensor]:
    """Each once, however often and deep it is in boxes."""
    seen, left = set[int](), [content]
    while left:
        one = left.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, Tensor):
            yield one
        elif isinstance(one, dict | list | tuple):
            left.extend(one.values() if isinstance(one, dict) else one)


@cache
def _array_globals() -> list[Any]:
    """What stands behind the names of numpy's that are allowed."""
    makers = (np.float64(0).__reduce__()[0], np.zeros(1).__reduce__()[0])
    functions = [
        (maker, f"{module}.{name}")
        for name, maker in zip(ARRAY_FUNCTIONS, makers, strict=True)
        for module in ARRAY_MODULES
    ]
    return [*functions, np.ndarray, np.dtype, *(type(np.dtype(name)) for name in _ARRAY_DTYPES)]
