"""Reader of the vectors in faiss indexes, without faiss.

faiss is not used, because it trusts the sizes stated in a file. The format is from faiss/impl/index_write.cpp: four
characters for the kind of index, then the fields of the index's class in little-endian order. This module supports the
kinds that RVC and so-vits-svc 4.1 write: plain vectors ("IndexFlat"), and plain vectors in cells ("IndexIVFFlat"). The
cells are ignored: a search in cells is faster, but approximate.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from myna.errors import CheckpointError

FLAT_KINDS = (b"IxF2", b"IxFI", b"IxFl")  # indexes by distance, by inner product, by other metrics
CELLS_KIND = b"IwFl"
_LISTS = b"ilar"
_ALL_SIZES, _SOME_SIZES = b"full", b"sprs"
_LAST_PLAIN_METRIC = 1  # metrics: 0 is the inner product, 1 the distance; those with higher numbers have a parameter
_HASHTABLE = 2
_MOST_CHANNELS = 65536

Vectors = NDArray[np.float32]


def is_index(start: bytes) -> bool:
    """Return True if a file that begins with `start` is a faiss index of any kind."""
    return start[:4] in (*FLAT_KINDS, CELLS_KIND) or start[:2] in (b"Ix", b"Iw", b"IH")


def read_vectors(data: bytes | memoryview, name: str) -> Vectors:
    """Read the vectors (N, C) of a serialised index.

    Args:
        data: the serialised index.
        name: file name for error messages.

    Raises:
        CheckpointError: the index has no plain vectors, is empty, or is damaged.
    """
    reader = _Reader(memoryview(data), name)
    vectors = _read_index(reader)
    if not len(vectors):
        raise CheckpointError(
            f"{name} contains no vectors; RVC's trained_*.index never does: use the added_*.index beside it"
        )
    return vectors


class _Reader:
    """Reader of consecutive values in `data` that never reads past the end."""

    def __init__(self, data: memoryview, name: str) -> None:
        self._left = data
        self.name = name

    @property
    def n_left(self) -> int:
        return len(self._left)

    def take(self, n_bytes: int) -> memoryview:
        if n_bytes > len(self._left):
            raise self.damaged()
        taken, self._left = self._left[:n_bytes], self._left[n_bytes:]
        return taken

    def number(self, code: str) -> int:
        """Read one integer of the `struct` type `code`."""
        (value,) = struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))
        return int(value)

    def count(self) -> int:
        return self.number("Q")

    def array(self, dtype: str, size: int) -> NDArray[np.generic]:
        return np.frombuffer(self.take(size * np.dtype(dtype).itemsize), dtype)

    def damaged(self) -> CheckpointError:
        return CheckpointError(f"{self.name} is damaged or incomplete; download it again")


def _read_index(reader: _Reader) -> Vectors:
    kind = bytes(reader.take(4))
    if kind in FLAT_KINDS:
        return _read_flat(reader)
    if kind != CELLS_KIND:
        raise CheckpointError(
            f"{reader.name} is a faiss index of kind {kind!r}, which has no plain vectors; "
            "make one of kind IVF,Flat or Flat, or train one with svc train-index"
        )
    n_channels, n_vectors = _read_header(reader)
    n_cells = reader.count()
    reader.count()  # number of cells that a search in cells visits
    quantizer = bytes(reader.take(4))
    if quantizer not in FLAT_KINDS:
        raise CheckpointError(
            f"{reader.name}: cells of faiss' kind {quantizer!r} are not supported; train an index with svc train-index"
        )
    _read_flat(reader)
    _skip_direct_map(reader)
    return _read_lists(reader, n_channels, n_vectors, n_cells)


def _read_header(reader: _Reader) -> tuple[int, int]:
    """Read the header of an index; return the number of channels and the number of vectors."""
    n_channels, n_vectors = reader.number("i"), reader.number("q")
    reader.take(16)  # two unused 64-bit numbers
    reader.take(1)  # flag: whether the index is trained
    if reader.number("i") > _LAST_PLAIN_METRIC:
        reader.take(4)
    if not 0 < n_channels <= _MOST_CHANNELS or n_vectors < 0:
        raise reader.damaged()
    return n_channels, n_vectors


def _read_flat(reader: _Reader) -> Vectors:
    n_channels, n_vectors = _read_header(reader)
    if reader.count() != n_vectors * n_channels:
        raise reader.damaged()
    return reader.array("<f4", n_vectors * n_channels).reshape(n_vectors, n_channels).astype(np.float32)


def _skip_direct_map(reader: _Reader) -> None:
    """Skip the table that maps vector numbers to positions."""
    kind = reader.number("B")
    reader.take(8 * reader.count())
    if kind == _HASHTABLE:
        reader.take(16 * reader.count())


def _read_lists(reader: _Reader, n_channels: int, n_vectors: int, n_cells: int) -> Vectors:
    if bytes(reader.take(4)) != _LISTS:
        raise CheckpointError(f"{reader.name}: its vectors are in another file; write the index to one file")
    if reader.count() != n_cells or reader.count() != 4 * n_channels:
        raise reader.damaged()
    form, values = bytes(reader.take(4)), reader.count()
    sizes = reader.array("<u8", values)
    if form == _SOME_SIZES:  # pairs of cell number and size
        sizes = sizes[1::2]
    elif form != _ALL_SIZES or values != n_cells:
        raise reader.damaged()
    # Check the sizes before allocating memory: the file must contain all vectors and the number of each vector.
    if sum(map(int, sizes)) != n_vectors or n_vectors * (4 * n_channels + 8) > reader.n_left:
        raise reader.damaged()
    vectors = np.empty((n_vectors, n_channels), np.float32)
    begin = 0
    for size in filter(None, map(int, sizes)):
        vectors[begin : begin + size] = reader.array("<f4", size * n_channels).reshape(size, n_channels)
        reader.take(8 * size)  # numbers of the vectors
        begin += size
    return vectors
