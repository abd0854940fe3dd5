"""Pickles of indexes: plain values are built, and nothing else is executed."""

from __future__ import annotations

import builtins
import io
import os
import pickle
import struct
import sys
import tracemalloc
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import processes
from myna.errors import CheckpointError
from myna.retrieval import retrieval_file
from myna.storage import pickles

RECORDED = np.load(Path(__file__).parents[1] / "retrieval" / "faiss.npz")


def read(tmp_path: Path, data: bytes) -> Any:
    (tmp_path / "feature_and_index.pkl").write_bytes(data)
    return pickles.read(tmp_path / "feature_and_index.pkl")


def test_indexes_of_several_speakers_are_read_without_faiss(tmp_path: Path) -> None:
    read(tmp_path, RECORDED["pickled"].tobytes())
    file = retrieval_file.read(tmp_path / "feature_and_index.pkl")
    assert file.kind == "index"
    assert {speaker: tuple(own.shape) for speaker, own in file.vectors.items()} == {0: (60, 6), 1: (3, 6)}


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_arrays_and_numbers_are_read_without_calling_numpy(tmp_path: Path, protocol: int) -> None:
    arrays = [
        np.arange(6, dtype=">i4").reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(3, dtype=np.uint8),
    ]
    if protocol == 2:  # has no bytes: it encodes text with a function that no table lists
        with pytest.raises(CheckpointError, match=r"_codecs\.encode"):
            read(tmp_path, pickle.dumps(arrays, protocol))
        return
    content = read(tmp_path, pickle.dumps(OrderedDict(arrays=arrays, one=np.float32(0.5)), protocol))
    assert content["one"] == 0.5
    for own, given in zip(content["arrays"], arrays, strict=True):
        np.testing.assert_array_equal(own, given)


class Calls:
    """Object whose pickle calls a function."""

    def __init__(self, *called: Any) -> None:
        self.called = called

    def __reduce__(self) -> Any:
        return self.called


def by_hand(*parts: bytes) -> bytes:
    return b"\x80\x04" + b"".join(parts) + b"."


def text(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


def named(module: str, name: str) -> bytes:
    """Steps that push a name with STACK_GLOBAL."""
    return text(module) + text(name) + b"\x93"


PROOF = "proof that code ran"
HOSTILE: dict[str, Callable[[], bytes]] = {
    "os.system": lambda: pickle.dumps(Calls(os.system, (f"touch '{PROOF}'",))),
    "os.mkdir": lambda: pickle.dumps({0: Calls(os.mkdir, (PROOF,))}),
    "eval": lambda: pickle.dumps(Calls(builtins.eval, (f"__import__('os').mkdir({PROOF!r})",))),
    "protocol 0": lambda: b"cos\nmkdir\n(S'" + PROOF.encode() + b"'\ntR.",
    "INST": lambda: b"(S'" + PROOF.encode() + b"'\nios\nmkdir\n.",
    "OBJ": lambda: b"(cos\nmkdir\nS'" + PROOF.encode() + b"'\no.",
    "a dotted name": lambda: by_hand(named("collections", "OrderedDict.fromkeys"), b")R"),
    "a dunder": lambda: by_hand(named("numpy", "dtype.__class__"), b")R"),
    "getattr": lambda: by_hand(named("builtins", "getattr"), b")R"),
    "numpy's loader": lambda: by_hand(named("numpy", "load"), text(PROOF), b"\x85R"),
    "runstring": lambda: by_hand(named("numpy.testing._private.utils", "runstring"), b")R"),
    "faiss' reader": lambda: by_hand(named("faiss", "read_index"), text(PROOF), b"\x85R"),
    "a module of faiss": lambda: by_hand(named("faiss.contrib.inspect_tools", "IndexFlat"), b")R"),
    "state in an ordered dict": lambda: by_hand(
        named("collections", "OrderedDict"), b")R", b"}", text("items"), named("os", "mkdir"), b"sb"
    ),
    "an extension": lambda: by_hand(b"\x82\x01"),
    "a persistent id": lambda: by_hand(text("a"), b"Q"),
    "an array of objects": lambda: pickle.dumps({0: np.array([Calls(os.mkdir, (PROOF,))], dtype=object)}),
    "a type of objects": lambda: pickle.dumps(np.array([None], dtype=object)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_is_executed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError):
        read(tmp_path, HOSTILE[name]())
    assert os.listdir() == ["feature_and_index.pkl"]
    with pytest.raises(CheckpointError):
        retrieval_file.read(tmp_path / "feature_and_index.pkl")
    assert os.listdir() == ["feature_and_index.pkl"]


def test_the_error_has_the_refused_name(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"names (posix|nt)\.mkdir, which could run code.*refused"):
        read(tmp_path, HOSTILE["os.mkdir"]())


def memo_bomb() -> bytes:
    return by_hand(b"N", b"r" + struct.pack("<I", 0x7FFFFFFF))


def old_memo_bomb() -> bytes:
    return b"Np2147483647\n."


def claims(opcode: bytes, size: int) -> bytes:
    return by_hand(opcode + struct.pack("<Q", size) + b"abc")


def reshaped() -> bytes:
    array = pickle.dumps(np.zeros(3, np.uint8))
    return array.replace(b"K\x03\x85", b"J" + struct.pack("<i", 1 << 30) + b"\x85")


@pytest.mark.parametrize(
    "data",
    [
        memo_bomb(),
        old_memo_bomb(),
        claims(b"\x8e", 1 << 40),  # bytes
        claims(b"\x8d", 1 << 40),  # text
        claims(b"\x96", 1 << 40),  # a byte array
        by_hand(b"\x95" + struct.pack("<Q", 1 << 40), b"N"),  # a frame
        by_hand(b"(" * 100_000),
        by_hand(b"]" * 100_000),
        pickle.dumps(list(range(100_000))),
        reshaped(),
        b"",
        b"\x80",
        pickle.dumps({0: b"x" * 1000})[:-20],
    ],
    ids=lambda data: repr(data[:12]),
)
def test_memory_is_bounded_by_the_size_of_the_file(data: bytes, tmp_path: Path) -> None:
    tracemalloc.start()
    with pytest.raises(CheckpointError):
        read(tmp_path, data)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


def test_deep_nesting_does_not_exhaust_the_stack(tmp_path: Path) -> None:
    """The deepest nesting allowed, also as a key, whose hash recurses."""
    nested = b")" + b"\x85" * 4900
    (tmp_path / "a.pkl").write_bytes(by_hand(b"}", nested, b"Ns"))
    script = (
        "import sys; from pathlib import Path\n"
        "from myna.errors import CheckpointError; from myna.retrieval import retrieval_file\n"
        "try: retrieval_file.read(Path(sys.argv[1]))\nexcept CheckpointError: sys.exit(7)"
    )
    done = processes.run([sys.executable, "-c", script, str(tmp_path / "a.pkl")], text=False)
    assert done.returncode == 7, done.stderr.decode()


@pytest.mark.parametrize(
    "content", [{}, [], 3, {0: 1}, {0: b"IwFl"}, {0: {"this": b"IwFl"}}], ids=lambda content: repr(content)
)
def test_other_content_is_an_error(content: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(CheckpointError):
        retrieval_file.read(path)


def test_an_index_without_state_or_of_another_kind_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    bare = named("faiss.swigfaiss", "IndexIVFFlat") + b")\x81"
    for state in (b"", b"}b", b"Nb", b"}" + text("this") + b"Nsb", b"}" + text("this") + b"K\x01sb"):
        path.write_bytes(by_hand(b"}K\x00", bare, state, b"s"))
        with pytest.raises(CheckpointError):
            retrieval_file.read(path)


def test_the_standard_reader_executes_what_is_refused_here() -> None:
    """The attacks above work on the reader of the standard library."""
    buffer = io.BytesIO(pickle.dumps(Calls(len, ("abc",))))
    assert pickle.load(buffer) == 3
