"""Files that say how speakers say things: k-means centres of their content, or an index of its frames.

| file | kind | whose |
|---|---|---|
| `kmeans_*.pt`, `kmeans.pt` | centres | so-vits-svc, so-vits-svc-fork, ours |
| `added_*.index` | index | RVC |
| `feature_and_index.pkl` | index | so-vits-svc 4.1 |
| `index.safetensors` | index | ours: a tensor (N, C) a speaker, in half precision |

What a file is, its first bytes tell, not its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import safetensors
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from myna.errors import CheckpointError
from myna.retrieval import faiss_file
from myna.storage import pickles, torch_file
from myna.storage.atomic import replacing

Kind = Literal["centres", "index"]
# What svc train-index and svc train-cluster put beside a voice; the first that is there is taken.
NAMES: Mapping[Kind, str] = {"index": "index.safetensors", "centres": "kmeans.pt"}

Speaker = str | int  # its name, or in so-vits-svc 4.1's indexes its row

NOBODY = ""  # the speaker of a file that names none
_CENTRES_KEY = "cluster_centers_"
_OLD_TORCH = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"  # torch before 1.6 began its files with a number of its own


@dataclass(frozen=True)
class RetrievalFile:
    """What such a file holds."""

    kind: Kind
    vectors: dict[Speaker, Tensor]  # (N, C) each, float32


def read(path: Path) -> RetrievalFile:
    """Read a file of any of these kinds. No code in it is ever run.

    Raises:
        CheckpointError: it is none of them, or damaged.
    """
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise CheckpointError(
            f"cannot read {path}: {error.strerror or error}; svc train-index and svc train-cluster make such files"
        ) from error
    if faiss_file.is_index(start):
        vectors = faiss_file.read_vectors(path.read_bytes(), str(path))
        return checked(path, "index", {NOBODY: vectors})
    if start[8:9] == b"{":
        return checked(path, "index", _read_safetensors(path))
    if start.startswith(b"\x80") and not start.startswith(_OLD_TORCH):
        return checked(path, "index", _read_pickle(path))
    return checked(path, "centres", _read_centres(path))


def is_index(path: Path) -> bool:
    """Whether a file is an index of faiss, or so-vits-svc 4.1's, which is a pickle of some."""
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError:
        return False
    if not start.startswith(b"\x80") or start.startswith(_OLD_TORCH):
        return faiss_file.is_index(start)
    try:
        return bool(_read_pickle(path))
    except CheckpointError:
        return False


def write(folder: Path, file: RetrievalFile, speakers: Mapping[str, int]) -> Path:
    """Write it into the folder of a voice, under the name by which the voice finds it.

    Args:
        speakers: of the voice, with their rows; a speaker who is a row is written by name.

    Raises:
        CheckpointError: it cannot be written.
    """
    names: dict[Speaker, str] = {row: name for name, row in speakers.items()}
    vectors = {str(names.get(speaker, speaker)): own for speaker, own in file.vectors.items()}
    path = folder / NAMES[file.kind]
    _WRITERS[file.kind](path, vectors)
    return path


def write_centroids(path: Path, centres: Mapping[str, Tensor]) -> None:
    """Write each speaker's centres (K, C) as so-vits-svc-fork reads them; the file appears when it is whole."""
    content = {
        speaker: {"n_features_in_": own.shape[1], "_n_threads": 1, _CENTRES_KEY: own.float().numpy()}
        for speaker, own in centres.items()
    }
    _write(path, lambda temporary: torch.save(content, temporary))


def write_index(path: Path, vectors: Mapping[str, Tensor]) -> None:
    """Write each speaker's vectors (N, C); the file appears when it is whole."""
    halves = {speaker: own.half().contiguous() for speaker, own in vectors.items()}
    _write(path, lambda temporary: save_file(halves, temporary))


_WRITERS: Mapping[Kind, Callable[[Path, Mapping[str, Tensor]], None]] = {
    "index": write_index,
    "centres": write_centroids,
}


def _write(path: Path, write: Callable[[Path], None]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            write(temporary)
    except (OSError, RuntimeError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"cannot write {path}: {error}") from error


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return dict(load_file(path))
    except (OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"{path} is damaged or only a part of the file; get it again") from error


def _read_pickle(path: Path) -> dict[Any, Any]:
    content = pickles.read(path)
    if not isinstance(content, dict) or not all(isinstance(one, pickles.FaissIndex) for one in content.values()):
        raise CheckpointError(f"{path} is a pickle of something else than an index a speaker")
    return {speaker: faiss_file.read_vectors(_serialised(path, one), str(path)) for speaker, one in content.items()}


def _serialised(path: Path, index: pickles.FaissIndex) -> bytes:
    state = index.state.values.tobytes() if isinstance(index.state, pickles.Array) else index.state
    if not isinstance(state, bytes):
        raise CheckpointError(f"{path} holds an index without its vectors")
    return state


def _read_centres(path: Path) -> dict[Any, Any]:
    content = torch_file.read(path)
    if not isinstance(content, dict) or not all(
        isinstance(one, dict) and _CENTRES_KEY in one for one in content.values()
    ):
        raise CheckpointError(f"{path} is no cluster model: it holds no {_CENTRES_KEY} of speakers")
    return {speaker: one[_CENTRES_KEY] for speaker, one in content.items()}


def checked(path: Path, kind: Kind, found: Mapping[Any, Any]) -> RetrievalFile:
    """What was found in `path`, as tensors (N, C) of finite numbers.

    Raises:
        CheckpointError: it is something else.
    """
    vectors: dict[Speaker, Tensor] = {}
    for speaker, own in found.items():
        if isinstance(own, np.ndarray) and own.dtype.kind == "f":
            own = torch.from_numpy(own.astype(np.float32, copy=False))
        if not isinstance(speaker, str | int) or not isinstance(own, Tensor) or own.dim() != 2 or not own.numel():
            raise CheckpointError(f"{path} does not hold an array of content a speaker")
        if not own.is_floating_point() or not own.isfinite().all():
            raise CheckpointError(f"{path} holds content that is not all numbers: it is damaged")
        vectors[speaker] = own.float()
    if not vectors:
        raise CheckpointError(f"{path} holds no speaker")
    return RetrievalFile(kind, vectors)
