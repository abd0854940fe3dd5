"""Safe reading of plain pickles: so-vits-svc 4.1's indexes.

A pickle is a program, and Python's reader runs it. Here its opcodes and length are checked first, and each name that
`pickle_steps` allows is replaced by an inert class of ours; every other name is refused.
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

# An index takes about twenty steps. A much longer pickle could nest containers deep enough to crash Python.
_MOST_STEPS = 5000
_PLAIN_DTYPES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")


class FaissIndex:
    """Stand-in for a faiss index, with its serialised bytes."""

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


# Stand-ins by name, in any module.
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
        CheckpointError: it contains a name that is not allowed, is damaged, or is too long.
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
    # Any error of the reader means that the file is not a pickle, or incomplete.
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
