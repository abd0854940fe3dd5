"""Indexes that faiss wrote (record_faiss.py) are read without it; malformed ones are errors."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from myna.errors import CheckpointError
from myna.retrieval import retrieval_file
from myna.retrieval.faiss_file import read_vectors
from myna.retrieval.search import Index

RECORDED = np.load(Path(__file__).with_name("faiss.npz"))


def ordered(vectors: np.ndarray) -> np.ndarray:
    return vectors[np.lexsort(vectors.T)]


def serialised(name: str) -> bytes:
    return bytes(RECORDED[name].tobytes())


@pytest.mark.parametrize("name", ["full", "by_array", "by_table", "flat", "product", "sparse"])
def test_the_vectors_are_read(name: str) -> None:
    vectors = read_vectors(serialised(name), name)
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(ordered(vectors), ordered(RECORDED["few" if name == "sparse" else "vectors"]))


def test_search_results_equal_those_of_faiss_and_rvc() -> None:
    retrieval = Index(torch.from_numpy(read_vectors(serialised("full"), "full")))
    answers = retrieval(torch.from_numpy(RECORDED["queries"].T))
    np.testing.assert_allclose(answers.T, RECORDED["answers"], atol=1e-5)


def test_an_index_is_recognised_by_its_first_bytes(tmp_path: Path) -> None:
    path = tmp_path / "added_IVF4_Flat_nprobe_1.index"
    path.write_bytes(serialised("full"))
    file = retrieval_file.read(path)
    assert file.kind == "index" and file.vectors[retrieval_file.NOBODY].shape == (60, 6)


@pytest.mark.parametrize(("name", "reason"), [("trained", "use the added_.*index"), ("quantised", "svc train-index")])
def test_indexes_without_plain_vectors_are_refused_with_advice(name: str, reason: str) -> None:
    with pytest.raises(CheckpointError, match=reason):
        read_vectors(serialised(name), "song.index")


@pytest.mark.parametrize("name", ["full", "by_array", "by_table", "flat", "sparse"])
def test_a_truncated_file_is_an_error(name: str) -> None:
    whole = serialised(name)
    for size in range(0, len(whole), 7):
        with pytest.raises(CheckpointError):
            read_vectors(whole[:size], name)


@pytest.mark.parametrize("name", ["full", "by_table", "sparse", "flat"])
def test_a_wrong_size_is_an_error_and_allocates_no_memory(name: str) -> None:
    whole = serialised(name)
    for lie in (0xFFFF_FFFF_FFFF_FFFF, 0x7FFF_FFFF_FFFF_FFFF, 1 << 40, 1 << 32):
        for place in range(4, min(len(whole) - 8, 400)):
            damaged = whole[:place] + struct.pack("<Q", lie) + whole[place + 8 :]
            try:
                vectors = read_vectors(damaged, name)
            except CheckpointError:
                continue
            assert vectors.nbytes <= len(whole)


def test_random_bytes_are_an_error() -> None:
    random = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(serialised("full"))
        for place in random.integers(0, len(damaged), 20):
            damaged[place] = random.integers(256)
        try:
            vectors = read_vectors(bytes(damaged), "noise")
        except CheckpointError:
            continue
        assert vectors.nbytes <= len(damaged)
