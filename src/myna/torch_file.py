"""Files that torch wrote, or pretend to be: read without running anything that they hold.

A pickle is a program. Before torch's own reader of weights, which builds tensors and plain values, follows its steps,
they are looked through: what they name must stand in `ALLOWED_NAMES`. So are things that torch does not guard against:
archives that grow when they are unpacked, names that lead out of a folder, tensors larger than the file.
"""

from __future__ import annotations

import pickletools
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from myna.errors import CheckpointError

# What pickles of numpy numbers and arrays name: some files of the field hold such a learning rate, and cluster models
# hold their centres so. numpy's own modules have been renamed since most of them were written.
_ARRAY_FUNCTIONS = ("scalar", "_reconstruct")
_ARRAY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
_ARRAY_DTYPES = ("float16", "float32", "float64", "int32", "int64")
_TYPES = ("BFloat16", "Bool", "Byte", "Char", "ComplexFloat", "Double", "Float", "Half", "Int", "Long", "Short")
# All that a file may name. torch's own reader allows more, some of which takes as much memory as a file asks for.
ALLOWED_NAMES = frozenset(
    [
        *("collections.OrderedDict", "_codecs.encode", "numpy.dtype", "numpy.ndarray", "torch.Size", "torch.device"),
        *("__builtin__.set", "builtins.set"),
        *(f"torch._utils._rebuild_{what}" for what in ("tensor", "tensor_v2", "parameter")),
        *(f"torch.{name}Storage" for name in _TYPES),
        *(f"torch.{name}" for name in ("bfloat16", "float16", "float32", "float64", "int32", "int64", "uint8", "bool")),
        *(f"{module}.{name}" for module in _ARRAY_MODULES for name in _ARRAY_FUNCTIONS),
    ]
)

# What people often have under the name of weights: how it begins, in small letters, and what it is.
_IMPOSTORS = (
    (b"version https://git-lfs", "a Git LFS pointer, not the weights; run git lfs pull, or download the file itself"),
    *(
        (beginning, "a web page, not the weights; download the file itself")
        for beginning in (b"<", b"entry not found", b"invalid username", b"repository not found")
    ),
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
_DEEPEST_TUPLE = 16  # the arguments that rebuild a tensor are four deep
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
        named = _names_in_archive(path, size) if is_archive else _names_in_old_file(path)
        for name in sorted(named):
            if name not in ALLOWED_NAMES and name not in stand_ins:
                raise CheckpointError(
                    f"{path} names {name}, which could run code when the file is opened: refused. "
                    "A voice holds numbers only; get it from someone you trust"
                )
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
    for beginning, what in _IMPOSTORS:
        if start.lstrip().lower().startswith(beginning):
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


def _names_in_archive(path: Path, size: int) -> set[str]:
    """What the pickles in an archive of torch's name, where nothing else in it is wrong."""
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
    return set().union(*(follow_steps(BytesIO(one)) for one in pickles))


def _names_in_old_file(path: Path) -> set[str]:
    """torch before 1.6 wrote five pickles after each other, and then the numbers."""
    with path.open("rb") as file:
        names: set[str] = set()
        for _ in range(_OLD_PICKLES):
            if file.peek(1):
                names |= follow_steps(file)
        return names


def follow_steps(stream: IO[bytes]) -> set[str]:
    """What the pickle that `stream` goes on with names, found by following its steps without taking them.

    Of each thing on the stack only is known how deep it is: a tuple of the same two tuples, and so on, is small in a
    file and in memory, but to use it as a key takes for ever.

    Raises:
        ValueError: it holds tuples within tuples without need, or is no pickle.
    """
    names: set[str] = set()
    words: list[str] = []  # a name may be put together of the last two
    stack: list[int] = []
    marks: list[int] = []
    memory: dict[int, int] = {}
    for opcode, argument, _ in pickletools.genops(stream):
        name = opcode.name
        if name in ("GLOBAL", "INST"):
            names.add(str(argument).replace(" ", "."))
        elif name == "STACK_GLOBAL":
            names.add(".".join(words[-2:]))
        elif isinstance(argument, str):
            words.append(argument)
        if name == "MARK":
            marks.append(len(stack))
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memory.get(int(argument or 0), 0))
        elif name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            memory[len(memory) if name == "MEMOIZE" else int(argument or 0)] = stack[-1]
        elif name == "DUP":
            stack.append(stack[-1])
        elif name == "POP":  # also a mark
            if marks and marks[-1] == len(stack):
                marks.pop()
            else:
                stack.pop()
        else:
            taken = opcode.stack_before
            if pickletools.markobject in taken:
                begin = marks.pop() - taken.index(pickletools.markobject)
            else:
                begin = len(stack) - len(taken)
            depth = max(stack[begin:], default=0) + name.startswith("TUPLE")
            if depth > _DEEPEST_TUPLE:
                raise ValueError("it holds tuples within tuples without end")
            stack[begin:] = [depth] * len(opcode.stack_after)
    return names


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
        for name, maker in zip(_ARRAY_FUNCTIONS, makers, strict=True)
        for module in _ARRAY_MODULES
    ]
    return [*functions, np.ndarray, np.dtype, *(type(np.dtype(name)) for name in _ARRAY_DTYPES)]
