"""Files that torch wrote, or pretend to be: read without running anything that they hold.

torch's own reader of weights builds tensors and plain values, and calls nothing that a file names but what stands in
its list of functions that rebuild tensors and in `allowed_globals`. What it does not guard against is looked at
besides: archives that grow when they are unpacked, names that lead out of a folder, tensors larger than the file.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from myna.errors import CheckpointError

# What pickles of numpy numbers and arrays name: some files of the field hold such a learning rate, and cluster models
# hold their centres so. numpy's own modules have been renamed since most of them were written.
_ARRAY_FUNCTIONS = ("scalar", "_reconstruct")
_ARRAY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
_ARRAY_DTYPES = ("float16", "float32", "float64", "int32", "int64")

# What people often have under the name of weights: how it begins, in small letters, and what it is.
_IMPOSTORS = (
    (b"version https://git-lfs", "a Git LFS pointer, not the weights; run git lfs pull, or download the file itself"),
    *(
        (beginning, "a web page, not the weights; download the file itself")
        for beginning in (b"<", b"entry not found", b"invalid username", b"repository not found")
    ),
    (b"iwfl", "a retrieval index, not the voice; give it beside a voice"),
    (b"rar!", "a RAR archive; unpack it, and take what is inside"),
    (b"7z\xbc\xaf", "a 7-Zip archive; unpack it, and take what is inside"),
    (b"\x1f\x8b", "a gzip archive; unpack it, and take what is inside"),
    (b"riff", "a recording, not a voice"),
    (b"flac", "a recording, not a voice"),
    (b"id3", "a recording, not a voice"),
    (b"{", "a JSON file: perhaps the configuration; the voice is another file"),
)

_DEEPEST = 32  # boxes within boxes: a checkpoint has five
_MOST_SHARED = 8  # how often the bytes of a file may be seen by its tensors: a shared flow is seen four times


def read(path: Path) -> Any:
    """The content of a file that torch wrote, tensors and plain values only.

    Tensors lie in the file until they are looked at, so what is not needed of a file costs nothing.

    Raises:
        CheckpointError: the file is something else, damaged, or names what is not allowed.
    """
    size = refuse_impostor(path)
    is_archive = zipfile.is_zipfile(path)
    try:
        if is_archive:
            _check_archive(path, size)
        with torch.serialization.safe_globals(allowed_globals()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old formats, which are read well
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=is_archive or None)
        _check_tensors(path, content, size)
    except (MemoryError, CheckpointError):
        raise
    # torch raises whatever its parsers stumble over; each means that this is not a file that it wrote, or not whole.
    except Exception as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        if named:
            raise CheckpointError(
                f"{path} names {named[1]}, which could run code when the file is opened: refused. "
                "A voice holds numbers only; get it from someone you trust"
            ) from error
        if "Weights only" in str(error):
            raise CheckpointError(
                f"{path} is a pickle that torch did not write, and which could run code: refused"
            ) from error
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
    for beginning, what in _IMPOSTORS:
        if start.lstrip().lower().startswith(beginning):
            raise CheckpointError(f"{path} is {what}")
    if not start.startswith((b"PK", b"\x80")):  # a zip archive, or the pickle of torch before 1.6
        raise CheckpointError(f"{path} is not a checkpoint: torch did not write it")
    if start.startswith(b"PK") and not zipfile.is_zipfile(path):  # the directory of a zip archive stands at its end
        raise CheckpointError(f"{path} is only a part of the file ({size:,} bytes); get it again")
    return size


def _check_archive(path: Path, size: int) -> None:
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


def _check_tensors(path: Path, content: Any, size: int) -> None:
    """A tensor may be a small part of the file repeated without end, which would fill the memory once it is used."""
    n_bytes = 0
    for tensor in _tensors(content):
        if tensor.layout != torch.strided or tensor.is_quantized:
            raise CheckpointError(f"{path} holds tensors that are not plain arrays: not a voice")
        n_bytes += tensor.numel() * tensor.element_size()
    if n_bytes > _MOST_SHARED * size:
        raise CheckpointError(f"{path} swells from {size:,} to {n_bytes:,} bytes: refused")


def _tensors(content: Any, depth: int = 0) -> Iterator[Tensor]:
    if isinstance(content, Tensor):
        yield content
    elif isinstance(content, dict | list | tuple) and depth < _DEEPEST:
        for inner in content.values() if isinstance(content, dict) else content:
            yield from _tensors(inner, depth + 1)


@cache
def allowed_globals() -> list[Any]:
    """What a file may name besides what rebuilds tensors; this list is the only one."""
    makers = (np.float64(0).__reduce__()[0], np.zeros(1).__reduce__()[0])
    functions = [
        (maker, f"{module}.{name}")
        for name, maker in zip(_ARRAY_FUNCTIONS, makers, strict=True)
        for module in _ARRAY_MODULES
    ]
    return [*functions, np.ndarray, np.dtype, *(type(np.dtype(name)) for name in _ARRAY_DTYPES)]
