"""Safe reading of plain pickles, the format of so-vits-svc 4.1's indexes.

A pickle is a program, and Python's reader runs it. This module first checks the opcodes and the length of the pickle.
It then replaces each name that `pickle_steps` allows by a harmless class defined here, and refuses every other name.
"""

from __future__ import annotations

import pickle
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from myna.errors import CheckpointError
from myna.storage.pickle_steps import ALLOWED_IN_INDEXES, ALLOWED_OPCODES_IN_INDEXES, FAISS_KINDS, follow_steps

# An index needs about twenty opcodes. A much longer pickle could nest containers deeply enough to crash Python.
_MOST_STEPS = 5000
_PLAIN_DTYPES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")


class FaissIndex:
    """Stand-in for a faiss index; `state` contains the serialised index."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state.get("this") if isinstance(state, dict) else None


class Array:
    """Stand-in for a NumPy array."""

    values: NDArray[Any] = np.empty(0)

    def __init__(self, *_: Any) -> None: ...

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, in_columns, raw = state
        flat = np.frombuffer(raw, dtype.name)
        self.values = flat.reshape(shape, order="F" if in_columns else "C")


class _Dtype:
    """Stand-in for a NumPy dtype."""

    def __init__(self, name: str, *_: Any) -> None:
        if name not in _PLAIN_DTYPES:
            raise pickle.UnpicklingError(f"arrays of {name!r} are not plain numbers")
        self.name = name

    def __setstate__(self, state: Any) -> None:
        self.name = (">" if state[1] == ">" else "<") + self.name


def _scalar(dtype: _Dtype, raw: bytes) -> Any:
    return np.frombuffer(raw, dtype.name, count=1)[0].item()


# Stand-in for each name, whatever its module.
_STAND_INS: dict[str, Any] = {
    "OrderedDict": dict,
    "ndarray": Array,
    "dtype": _Dtype,
    "_reconstruct": Array,
    "scalar": _scalar,
    **dict.fromkeys(FAISS_KINDS, FaissIndex),
}


def read(path: Path) -> Any:
    """Read a pickle of plain values, `FaissIndex` and `Array`.

    Raises:
        CheckpointError: the pickle cannot be read, contains a name or opcode that is not allowed, is damaged, or is too
            long.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        refused = follow_steps(BytesIO(data), _MOST_STEPS).opcodes - ALLOWED_OPCODES_IN_INDEXES
        if refused:
            raise ValueError(f"it contains the opcode {min(refused)}")
        return _Unpickler(path, data).load()
    except CheckpointError:
        raise
    # Any error of the reader means that the file is incomplete or is not a pickle.
    except Exception as error:
        raise CheckpointError(f"{path} is damaged, or not a pickle of an index: {error}") from error


class _Unpickler(pickle.Unpickler):
    def __init__(self, path: Path, data: bytes) -> None:
        super().__init__(BytesIO(data))
        self._path = path

    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.{name}" not in ALLOWED_IN_INDEXES:
            raise CheckpointError(
                f"{self._path} names {module}.{name}, which could run code when the file is opened: refused. "
                "An index contains numbers only; get it from someone you trust"
            )
        return _STAND_INS[name]
