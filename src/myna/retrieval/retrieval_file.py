"""Files of retrieval data: k-means centroids or an index of each speaker's content frames.

| file | kind | written by |
|---|---|---|
| `kmeans_*.pt`, `kmeans.pt` | centroids | so-vits-svc, so-vits-svc-fork, myna |
| `added_*.index` | index | RVC |
| `feature_and_index.pkl` | index | so-vits-svc 4.1 |
| `index.safetensors` | index | myna (one tensor (N, C) per speaker, in half precision) |

The first bytes of a file determine its format; the file name does not matter.
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

from myna.errors import CheckpointError, reason_of
from myna.retrieval import faiss_file
from myna.storage import pickles, torch_file
from myna.storage.atomic import replacing
from myna.storage.utf8 import utf8_path

Kind = Literal["centres", "index"]  # packed voices store these strings
# Names of the files that svc train-index and svc train-cluster write beside a voice; the first existing one is used.
NAMES: Mapping[Kind, str] = {"index": "index.safetensors", "centres": "kmeans.pt"}

Speaker = str | int  # name of a speaker or, in indexes of so-vits-svc 4.1, the speaker's number

NOBODY = ""  # key of the data in a file without speaker names
_CENTRES_KEY = "cluster_centers_"
_OLD_TORCH = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"  # magic number of files from torch before 1.6


@dataclass(frozen=True)
class RetrievalFile:
    """Content of a file of retrieval data."""

    kind: Kind
    vectors: dict[Speaker, Tensor]  # (N, C) float32 of each speaker


def read(path: Path) -> RetrievalFile:
    """Read a retrieval file in any of the formats above, without running code from the file.

    Raises:
        CheckpointError: the file has a different format or is damaged.
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
    return checked(path, "centres", _read_centroids(path))


def is_index(path: Path) -> bool:
    """Return True if a file is a faiss index, or a pickle of faiss indexes from so-vits-svc 4.1."""
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
    """Write retrieval data into the folder of a voice, under the file name that myna searches for; return the path.

    Args:
        folder: folder of the voice.
        file: retrieval data to write.
        speakers: number of each speaker by name; the names replace the numbers in `file`.

    Raises:
        CheckpointError: the file cannot be written.
    """
    names: dict[Speaker, str] = {index: name for name, index in speakers.items()}
    vectors = {str(names.get(speaker, speaker)): own for speaker, own in file.vectors.items()}
    path = folder / NAMES[file.kind]
    _WRITERS[file.kind](path, vectors)
    return path


def write_centroids(path: Path, centroids: Mapping[str, Tensor]) -> None:
    """Write each speaker's centroids (K, C) in so-vits-svc-fork's format, atomically."""
    content = {
        speaker: {"n_features_in_": own.shape[1], "_n_threads": 1, _CENTRES_KEY: own.float().numpy()}
        for speaker, own in centroids.items()
    }
    _write(path, lambda temporary: torch.save(content, temporary))


def write_index(path: Path, vectors: Mapping[str, Tensor]) -> None:
    """Write each speaker's vectors (N, C) as a `.safetensors` file, atomically."""
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
        raise CheckpointError(f"cannot write {path}: {reason_of(error)}") from error


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with utf8_path(path) as opened:
            return dict(load_file(opened))
    except (OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"{path} is damaged or incomplete; download it again") from error


def _read_pickle(path: Path) -> dict[Any, Any]:
    content = pickles.read(path)
    if not isinstance(content, dict) or not all(isinstance(one, pickles.FaissIndex) for one in content.values()):
        raise CheckpointError(f"{path} is a pickle, but not of indexes by speaker")
    found = {}
    for speaker, one in content.items():
        if one.serialised is None:
            raise CheckpointError(f"{path} contains an index without its vectors")
        found[speaker] = faiss_file.read_vectors(one.serialised, str(path))
    return found


def _read_centroids(path: Path) -> dict[Any, Any]:
    content = torch_file.read(path)
    if not isinstance(content, dict) or not all(
        isinstance(one, dict) and _CENTRES_KEY in one for one in content.values()
    ):
        raise CheckpointError(f"{path} is not a cluster model: it has no {_CENTRES_KEY} of speakers")
    return {speaker: one[_CENTRES_KEY] for speaker, one in content.items()}


def checked(path: Path, kind: Kind, found: Mapping[Any, Any]) -> RetrievalFile:
    """Check `found`, the content of `path` by speaker, and convert it to float32 tensors (N, C).

    Raises:
        CheckpointError: a value is not a non-empty matrix of finite floats, or there is no speaker.
    """
    vectors: dict[Speaker, Tensor] = {}
    for speaker, own in found.items():
        if isinstance(own, np.ndarray) and own.dtype.kind == "f":
            own = torch.from_numpy(own.astype(np.float32, copy=False))
        if not isinstance(speaker, str | int) or not isinstance(own, Tensor) or own.dim() != 2 or not own.numel():
            raise CheckpointError(f"{path} does not contain one array of content per speaker")
        if not own.is_floating_point() or not own.isfinite().all():
            raise CheckpointError(f"{path} contains NaN, infinity or other types than floats: it is damaged")
        vectors[speaker] = own.float()
    if not vectors:
        raise CheckpointError(f"{path} contains no speaker")
    return RetrievalFile(kind, vectors)
