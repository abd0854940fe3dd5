"""Interpretation of pickles as data.

A pickle is a program that can call any Python function. Python's reader calls the functions named in a file, with
arguments from the file; PyTorch's reader calls only functions in a list. But if NumPy's constructors, for example, are
in the list, a file can allocate any amount of memory, or create arrays that point to any address. This interpreter has
only the opcodes of files of numbers. It maps each name in a pickle to a value or a function of this program; the
functions only check and record their arguments.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import IO, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

MOST_STEPS = 1_000_000  # opcodes; a checkpoint of the largest voice has 100,000
_DEEPEST = 64  # limit on the nesting of containers; legitimate files have ten levels
_MOST_DIMENSIONS = 16
# Limits for content that repeats parts: bytes of tensors and arrays per byte of the file, and values per opcode. A flow
# with shared parameters contains its tensors four times.
_MOST_SHARED = 8
_LONGEST_INTEGER = 10  # bytes; only the magic number of torch's old format is longer than 8
_LONGEST_FRAME = 2**32  # bytes; pickles of protocol 4 are written in frames of about 64 KiB
_LARGEST_KEY = 2**63  # larger integers can be chosen to have the same hash


class RefusedError(Exception):
    """Error for a pickle with too much content, or with a name or opcode that files of numbers do not need."""


@dataclass(frozen=True)
class Function:
    """Function that a pickle may call. It returns a plain value or a `Record`."""

    call: Callable[..., Any]


class Record:
    """Base class for descriptions of objects in a pickle; `finish` replaces each one with the object's value."""

    def set_state(self, state: Any) -> None:
        raise ValueError("an object has a state that it should not have")


class Opaque(Record):
    """Stand-in for an object that is not needed."""

    def __init__(self, *_: Any) -> None: ...

    def set_state(self, state: Any) -> None: ...


class _Table(dict[Any, Any]):
    """Stand-in for an ordered dictionary. Its attribute `_metadata`, which PyTorch's state dicts set, is ignored."""


def _table(pairs: Any = ()) -> _Table:
    table = _Table()
    for key, value in pairs:
        table[_checked_key(key)] = value
    return table


def _checked_key(key: Any) -> Any:
    """Return `key` if it is a plain value, else raise ValueError: hashing nested tuples can take exponential time."""
    plain = key is None or type(key) in (str, bool, float, bytes) or (type(key) is int and abs(key) < _LARGEST_KEY)
    if not plain:
        raise ValueError("a key of a dictionary is not a plain value")
    return key


@dataclass
class Encoded(Record):
    """Bytes stored by pickle protocol 2 as text, one character per byte."""

    text: str
    encoding: str

    def __post_init__(self) -> None:
        if type(self.text) is not str or self.encoding not in ("latin1", "latin-1", "iso-8859-1"):
            raise ValueError("bytes are stored in an unknown encoding")

    def __len__(self) -> int:
        return len(self.text)


def to_bytes(raw: Any) -> bytes:
    """Return the bytes in `raw`, a bytes object or an `Encoded`.

    Raises:
        ValueError: `raw` has a different type.
    """
    if isinstance(raw, Encoded):
        return raw.text.encode("latin1")
    if type(raw) is not bytes:
        raise ValueError("the numbers of an array are not bytes")
    return raw


class Dtype(Record):
    """Type of the numbers in an array. A pickle can only choose a type from a list, and set the byte order."""

    _PLAIN = ("b1", "f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")

    def __init__(self, name: Any, *_: Any) -> None:
        if type(name) is not str or name not in self._PLAIN:
            raise ValueError(f"arrays of {name!r:.40} are not plain numbers")
        self.numpy = np.dtype(name)

    def set_state(self, state: Any) -> None:
        # A version, the byte order, and further values, which are None unless the type is structured.
        if type(state) is not tuple or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            raise ValueError("the type of an array has an unknown state")
        if any(one is not None for one in state[2:5]):
            raise ValueError("the type of an array is not plain numbers")
        if state[1] in "<>":
            self.numpy = self.numpy.newbyteorder(state[1])


def checked_sizes(sizes: Any, what: str) -> tuple[int, ...]:
    """Return `sizes` if it is a tuple of at most 16 non-negative integers.

    Raises:
        ValueError: `sizes` is something else; `what` is its name in the message.
    """
    if not isinstance(sizes, tuple) or len(sizes) > _MOST_DIMENSIONS:
        raise ValueError(f"the {what} of an array is malformed")
    if not all(type(size) is int and 0 <= size < 2**63 for size in sizes):
        raise ValueError(f"the {what} of an array is malformed")
    return sizes


class Array(Record):
    """Description of a NumPy array, made only from its state; the constructor's arguments in the file are ignored."""

    def __init__(self, *_: Any) -> None:
        self.n_bytes = 0
        self._state: tuple[tuple[int, ...], np.dtype[Any], bool, Any] | None = None

    def set_state(self, state: Any) -> None:
        if type(state) is not tuple or len(state) != 5 or not isinstance(state[2], Dtype):
            raise ValueError("an array has an unknown state")
        _, shape, dtype, in_columns, raw = state
        self.n_bytes = prod(checked_sizes(shape, "shape")) * dtype.numpy.itemsize
        if not isinstance(raw, bytes | Encoded) or len(raw) != self.n_bytes:
            raise ValueError("an array has fewer or more numbers than its shape")
        self._state = shape, dtype.numpy, bool(in_columns), raw

    def values(self) -> NDArray[Any]:
        """Return the array, in the byte order of this machine."""
        if self._state is None:
            raise ValueError("an array has no numbers")
        shape, dtype, in_columns, raw = self._state
        flat = np.frombuffer(to_bytes(raw), dtype).astype(dtype.newbyteorder("="))
        return flat.reshape(shape, order="F" if in_columns else "C")


def _number(dtype: Any, raw: Any) -> Any:
    if not isinstance(dtype, Dtype) or len(raw) != dtype.numpy.itemsize:
        raise ValueError("a number is malformed")
    return np.frombuffer(to_bytes(raw), dtype.numpy)[0].item()


# Names in pickles of ordered dictionaries and of NumPy's numbers and arrays. Some checkpoints store the learning rate
# as a NumPy number, and cluster models store centroids as arrays. NumPy has renamed its modules since most of these
# files were written.
ARRAY_NAMES: Mapping[str, Any] = {
    "collections.OrderedDict": Function(_table),
    "numpy.dtype": Function(Dtype),
    "numpy.ndarray": Function(Array),
    **{
        f"{module}.{name}": Function(made)
        for module in ("numpy.core.multiarray", "numpy._core.multiarray")
        for name, made in (("scalar", _number), ("_reconstruct", Array))
    },
}


class Built(NamedTuple):
    """Content of a pickle, with records that `finish` replaces by values, and the number of executed opcodes."""

    content: Any
    n_steps: int


class Loader(Protocol):
    """Function that returns the value for a persistent id."""

    def __call__(self, identity: Any, /) -> Any: ...


def run(stream: IO[bytes], names: Mapping[str, Any], load: Loader | None = None, most: int = MOST_STEPS) -> Built:
    """Build the content of the next pickle in `stream`.

    Args:
        stream: byte stream, positioned at the start of a pickle.
        names: value or `Function` for each name that the pickle may contain.
        load: function for persistent ids, which only torch writes; if None, they are refused.
        most: maximum number of opcodes.

    Raises:
        RefusedError: the pickle has an opcode or a name that is not allowed.
        ValueError, IndexError, KeyError, TypeError, ...: the pickle is malformed, or exceeds a limit.
    """
    machine = _Machine(names, load)
    steps = machine.steps
    number = 0
    for number, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
        if opcode.name == "STOP":
            break
        step = steps.get(opcode.name)
        if step is None:
            raise RefusedError(f"uses {opcode.name}, which files of numbers do not need")
        if number > most:
            raise ValueError("it has more opcodes than a file of this kind needs")
        step(argument)
    return Built(machine.stack.pop(), number)


class _Machine:
    """Interpreter of one pickle: its stack and memo, and a function for each opcode."""

    def __init__(self, names: Mapping[str, Any], load: Loader | None) -> None:
        self.stack: list[Any] = []
        self._marks: list[int] = []
        self._memory: dict[int, Any] = {}
        self._names = names
        self._load = load
        push, get, put = self.stack.append, self._get, self._put
        self.steps: dict[str, Callable[[Any], None]] = {
            "PROTO": lambda _: None,
            "FRAME": self._frame,
            **dict.fromkeys(("BININT", "BININT1", "BININT2", "BINFLOAT"), push),
            **dict.fromkeys(("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "SHORT_BINSTRING"), push),
            **dict.fromkeys(("SHORT_BINBYTES", "BINBYTES", "BINBYTES8"), push),
            "LONG1": self._integer,
            "NONE": lambda _: push(None),
            "NEWTRUE": lambda _: push(True),
            "NEWFALSE": lambda _: push(False),
            "EMPTY_TUPLE": lambda _: push(()),
            "EMPTY_LIST": lambda _: push([]),
            "EMPTY_DICT": lambda _: push({}),
            **dict.fromkeys(("BINGET", "LONG_BINGET"), get),
            **dict.fromkeys(("BINPUT", "LONG_BINPUT"), put),
            "MEMOIZE": lambda _: put(len(self._memory)),
            "MARK": lambda _: self._marks.append(len(self.stack)),
            "TUPLE": lambda _: push(tuple(self._since_mark())),
            "TUPLE1": lambda _: self._tuple(1),
            "TUPLE2": lambda _: self._tuple(2),
            "TUPLE3": lambda _: self._tuple(3),
            "APPEND": lambda _: self._extend([self.stack.pop()]),
            "APPENDS": lambda _: self._extend(self._since_mark()),
            "SETITEM": lambda _: self._set_items(self._last(2)),
            "SETITEMS": lambda _: self._set_items(self._since_mark()),
            "GLOBAL": lambda name: self._name(*name.split(" ", 1)),
            "STACK_GLOBAL": lambda _: self._name(*self._last(2)),
            "REDUCE": self._call,
            "NEWOBJ": self._call,
            "BUILD": self._build,
            "BINPERSID": self._persistent,
        }

    def _last(self, number: int) -> list[Any]:
        if len(self.stack) - (self._marks[-1] if self._marks else 0) < number:
            raise ValueError("it takes more values than it has")
        taken = self.stack[-number:]
        del self.stack[-number:]
        return taken

    def _since_mark(self) -> list[Any]:
        begin = self._marks.pop()
        taken = self.stack[begin:]
        del self.stack[begin:]
        return taken

    def _frame(self, n_bytes: int) -> None:
        if n_bytes > _LONGEST_FRAME:
            raise ValueError("a frame is longer than any file")

    def _integer(self, value: int) -> None:
        if value.bit_length() > 8 * _LONGEST_INTEGER:
            raise ValueError("an integer is too long")
        self.stack.append(value)

    def _get(self, index: int) -> None:
        self.stack.append(self._memory[index])

    def _put(self, index: int) -> None:
        if index > MOST_STEPS:
            raise ValueError("it stores a value under a number that is too large")
        self._memory[index] = self.stack[-1]

    def _tuple(self, size: int) -> None:
        self.stack.append(tuple(self._last(size)))

    def _extend(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not list:
            raise ValueError("it appends to something other than a list")
        target.extend(values)

    def _set_items(self, flat: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict) or len(flat) % 2:
            raise ValueError("it sets items of something other than a dictionary")
        for key, value in zip(flat[::2], flat[1::2], strict=True):
            target[_checked_key(key)] = value

    def _name(self, module: Any, name: Any) -> None:
        full = f"{module}.{name}" if type(module) is str and type(name) is str else "something without a name"
        if full not in self._names:
            raise RefusedError(f"names {full}, which could run code when the file is opened")
        self.stack.append(self._names[full])

    def _call(self, _: Any) -> None:
        function, arguments = self._last(2)
        if not isinstance(function, Function) or type(arguments) is not tuple:
            raise ValueError("it calls something that is not a function")
        self.stack.append(function.call(*arguments))

    def _build(self, _: Any) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(target, Record):
            target.set_state(state)
        elif not isinstance(target, _Table):
            raise ValueError("it gives a state to a plain value")

    def _persistent(self, _: Any) -> None:
        if self._load is None:
            raise RefusedError("uses BINPERSID, which files of this kind do not need")
        self.stack.append(self._load(self.stack.pop()))


class Converter(Protocol):
    """Function that returns the value of a record, and the size of the value in bytes."""

    def __call__(self, record: Record, /) -> tuple[Any, int]: ...


def finish(built: Built, n_bytes: int, convert: Converter) -> Any:
    """Replace all records in the content of a pickle by their values, and return the content.

    The size of the content is limited, because a small file can describe content of any size by repeating parts.

    Args:
        built: result of `run`.
        n_bytes: size of the file.
        convert: conversion of all records except `Array` and `Encoded`.

    Raises:
        RefusedError: the content is far larger than the file.
        ValueError: containers are nested too deeply, or contain far too many values.
    """
    return _Finisher(built.n_steps, n_bytes, convert).finished(built.content, 0)


class _Finisher:
    def __init__(self, n_steps: int, n_bytes: int, convert: Converter) -> None:
        self._convert = convert
        self._n_bytes = n_bytes
        self._bytes_left = _MOST_SHARED * n_bytes
        self._parts_left = _MOST_SHARED * n_steps + 100

    def finished(self, one: Any, depth: int) -> Any:
        self._parts_left -= 1
        if depth > _DEEPEST or self._parts_left < 0:
            raise ValueError("its parts are nested too deeply")
        if isinstance(one, dict):
            return {key: self.finished(value, depth + 1) for key, value in one.items()}
        if isinstance(one, list | tuple):
            return type(one)([self.finished(part, depth + 1) for part in one])
        if isinstance(one, Array | Encoded | bytes):
            self._take(one.n_bytes if isinstance(one, Array) else len(one))
            return one.values() if isinstance(one, Array) else to_bytes(one)
        if isinstance(one, Record):
            value, n_bytes = self._convert(one)
            self._take(n_bytes)
            return value
        return one

    def _take(self, n_bytes: int) -> None:
        self._bytes_left -= n_bytes
        if self._bytes_left < 0:
            raise RefusedError(f"expands from {self._n_bytes:,} to more than {_MOST_SHARED} times as many bytes")
