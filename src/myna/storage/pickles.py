"""Safe reading of pickles that torch did not write, for the indexes of so-vits-svc 4.1."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from myna.errors import CheckpointError
from myna.storage.pickle_machine import ARRAY_NAMES, Array, Function, Record, RefusedError, finish, run, to_bytes

# An index has about twenty opcodes.
_MOST_STEPS = 5000
# faiss has one module for each type of processor.
_FAISS_BUILDS = ("", ".swigfaiss", ".swigfaiss_avx2", ".swigfaiss_avx512", ".swigfaiss_avx512_spr", ".swigfaiss_sve")
_FAISS_KINDS = ("IndexIVFFlat", "IndexFlat", "IndexFlatL2", "IndexFlatIP")


class FaissIndex(Record):
    """Stand-in for a faiss index; `serialised` is None if the pickle lacks the index's serialised form."""

    serialised: bytes | None = None

    def __init__(self, *_: Any) -> None:
        self._state: Any = None

    def set_state(self, state: Any) -> None:
        self._state = state.get("this") if isinstance(state, dict) else None

    def finished(self) -> tuple[FaissIndex, int]:
        """Set the serialised form; return this index, and the size of the serialised form in bytes."""
        state = self._state
        if isinstance(state, Array):
            self.serialised = state.values().tobytes()
        elif state is not None:
            self.serialised = to_bytes(state)
        return self, len(self.serialised or b"")


_NAMES = {
    **ARRAY_NAMES,
    **{f"faiss{build}.{kind}": Function(FaissIndex) for build in _FAISS_BUILDS for kind in _FAISS_KINDS},
}


def read(path: Path) -> Any:
    """Read a pickle of plain values, NumPy arrays and faiss indexes.

    Raises:
        CheckpointError: the pickle cannot be read, contains a name or opcode that is not allowed, is damaged, or is too
            long.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        return finish(run(BytesIO(data), _NAMES, most=_MOST_STEPS), len(data), _converted)
    except RefusedError as error:
        raise CheckpointError(
            f"{path} {error}: refused. An index contains numbers only; get it from someone you trust"
        ) from error
    except MemoryError:
        raise
    # Any other error means an incomplete file, or no pickle.
    except Exception as error:
        raise CheckpointError(f"{path} is damaged, or not a pickle of an index: {error}") from error


def _converted(record: Record) -> tuple[Any, int]:
    if not isinstance(record, FaissIndex):
        raise ValueError("it contains an incomplete object")
    return record.finished()
