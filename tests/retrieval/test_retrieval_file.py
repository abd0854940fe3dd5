"""Files of k-means centroids and indexes of all three programs are read; ours open in the fork."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from myna.errors import CheckpointError
from myna.retrieval import retrieval_file

CENTRES = np.arange(12, dtype=np.float32).reshape(3, 4)


def predecessors_model(**changes: Any) -> dict[str, Any]:
    return {"n_features_in_": 4, "_n_threads": 4, "cluster_centers_": CENTRES} | changes


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_centroids_of_the_predecessors_are_read(tmp_path: Path, zipped: bool, dtype: Any) -> None:
    path = tmp_path / "kmeans_10000.pt"
    model = {"노래": predecessors_model(cluster_centers_=CENTRES.astype(dtype)), "b": predecessors_model()}
    torch.save(model, path, _use_new_zipfile_serialization=zipped)
    file = retrieval_file.read(path)
    assert file.kind == "centres" and list(file.vectors) == ["노래", "b"]
    assert torch.equal(file.vectors["노래"], torch.from_numpy(CENTRES))


def test_our_centroids_open_in_the_fork(tmp_path: Path) -> None:
    """The fork puts these three values into a KMeans of scikit-learn, which finds the nearest centroid."""
    path = tmp_path / "new" / "kmeans.pt"
    retrieval_file.write_centroids(path, {"anna": torch.from_numpy(CENTRES)})
    written = torch.load(path, weights_only=False)
    assert list(written) == ["anna"] and sorted(written["anna"]) == sorted(predecessors_model())
    centres = written["anna"]["cluster_centers_"]
    assert isinstance(centres, np.ndarray) and centres.dtype == np.float32 and centres.flags.c_contiguous
    assert type(written["anna"]["n_features_in_"]) is int and written["anna"]["n_features_in_"] == 4
    assert torch.equal(retrieval_file.read(path).vectors["anna"], torch.from_numpy(CENTRES))
    assert [each.name for each in path.parent.iterdir()] == ["kmeans.pt"]


def test_our_index_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "index.safetensors"
    vectors = {"anna": torch.from_numpy(CENTRES), "보라": torch.ones(2, 4)}
    retrieval_file.write_index(path, vectors)
    file = retrieval_file.read(path)
    assert file.kind == "index" and file.vectors.keys() == vectors.keys()
    assert all(torch.equal(file.vectors[speaker], own) for speaker, own in vectors.items())


@pytest.mark.parametrize(
    "model",
    [
        {},
        {"anna": {}},
        {"anna": predecessors_model(cluster_centers_="many")},
        {"anna": predecessors_model(cluster_centers_=CENTRES[0])},
        {"anna": predecessors_model(cluster_centers_=CENTRES.astype(np.int64))},
        {"anna": predecessors_model(cluster_centers_=CENTRES * np.nan)},
        {"anna": predecessors_model(cluster_centers_=CENTRES[:0])},
        {("a", "b"): predecessors_model()},
        {"model": {"emb_g.weight": torch.ones(2, 2)}, "iteration": 1},
        [1, 2],
    ],
    ids=lambda model: str(model)[:50],
)
def test_malformed_centroids_are_an_error(tmp_path: Path, model: Any) -> None:
    torch.save(model, tmp_path / "kmeans.pt")
    with pytest.raises(CheckpointError, match=r"kmeans\.pt"):
        retrieval_file.read(tmp_path / "kmeans.pt")


def test_centroids_whose_file_would_execute_code_are_refused(tmp_path: Path) -> None:
    torch.save({"anna": predecessors_model(cluster_centers_=Path("a"))}, tmp_path / "kmeans.pt")
    with pytest.raises(CheckpointError, match="could run code"):
        retrieval_file.read(tmp_path / "kmeans.pt")


@pytest.mark.parametrize(
    "content", [b"", b"RIFF and so on", b"\x10\0\0\0\0\0\0\0{", b"PK\3\4", b"<html>", b"\x80\x04N."]
)
def test_other_files_are_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "song.index").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"song\.index"):
        retrieval_file.read(tmp_path / "song.index")


def test_a_missing_file_is_an_error_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="svc train-index"):
        retrieval_file.read(tmp_path / "index.safetensors")


def test_a_failed_write_is_a_one_line_error_and_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("a file")
    with pytest.raises(CheckpointError, match="cannot write"):
        retrieval_file.write_index(tmp_path / "folder" / "index.safetensors", {"anna": torch.ones(1, 1)})
    (tmp_path / "taken").mkdir()
    for write in (retrieval_file.write_index, retrieval_file.write_centroids):
        with pytest.raises(CheckpointError, match="cannot write"):
            write(tmp_path / "taken", {"anna": torch.ones(1, 1)})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "taken"]
