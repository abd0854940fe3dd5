"""Content brought nearer to the target's: each frame is answered by how the target was heard to say the like.

The content of a source still carries some of its singer. Blended with what is found among the target's own frames it
sounds more like the target, and the less clearly the more is blended. Two ways of the field: the nearest of a few
thousand k-means centres (so-vits-svc 4.0), and the mean of the nearest 8 of all frames (RVC).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor

N_NEIGHBOURS = 8
_BLOCK_FRAMES = 32  # whose distances to everything are in memory at once; more leave the processor's cache
# Among up to so many vectors the distance to each is computed; among more, only to those that are near in the few
# directions in which they differ most. A second of content (50 frames) among 100,000 vectors of 768 channels, on one
# thread of an AMD EPYC: 0.10 to 0.15 s exactly, 0.035 s so. Of the 8 nearest, 99.3 % are found (myna-content, speech).
_MOST_EXACT = 16384
_N_DIRECTIONS = 64
_N_SHORTLISTED = 128
_GROUP = 16


class Retrieval(ABC):
    """How a target says things: content (C, T) -> what it has that comes nearest, (C, T)."""

    def __call__(self, content: Tensor) -> Tensor:
        # Content has 50 frames a second, and the synthesizer's frames repeat them.
        differs = torch.cat([content.new_ones(1, dtype=torch.bool), (content.diff(dim=1) != 0).any(0)])
        found = [self._find(block) for block in torch.split(content.T[differs], _BLOCK_FRAMES)]
        return torch.cat(found)[differs.cumsum(0) - 1].T

    @abstractmethod
    def _find(self, frames: Tensor) -> Tensor:
        """(T, C) -> (T, C)."""


class Centroids(Retrieval):
    """The nearest of k-means centres.

    Args:
        centres: (K, C).
    """

    def __init__(self, centres: Tensor) -> None:
        self.centres = centres

    def _find(self, frames: Tensor) -> Tensor:
        return self.centres[nearest(frames, self.centres)]


class Index(Retrieval):
    """The mean of the nearest vectors, the nearer the heavier.

    The weights are RVC's: its `np.square(1 / score)`, where the score is faiss' squared distance.

    Args:
        vectors: (N, C).
    """

    def __init__(self, vectors: Tensor) -> None:
        self.vectors = vectors
        self._squares = vectors.square().sum(1)
        self._directions: Tensor | None = None
        if len(vectors) > _MOST_EXACT:
            self._directions = _principal_directions(vectors)
            self._projected = vectors @ self._directions
            self._projected_squares = self._projected.square().sum(1)

    def _find(self, frames: Tensor) -> Tensor:
        candidates = self.vectors[self._candidates(frames)]  # (T, M, C)
        # By subtraction: what is left of a difference of large squares is not the distance to a near vector.
        distances = (candidates - frames.unsqueeze(1)).square().sum(2)
        nearest_distances, order = distances.topk(min(N_NEIGHBOURS, distances.shape[1]), largest=False)
        # Relative to the nearest, so that a frame that is in the index is its own answer and no infinity.
        least = torch.finfo(frames.dtype).tiny ** 0.5
        weights = (nearest_distances[:, :1].clamp(min=least) / nearest_distances.clamp(min=least)).square()
        neighbours = candidates.gather(1, order.unsqueeze(2).expand(-1, -1, frames.shape[1]))
        return (weights.unsqueeze(2) * neighbours).sum(1) / weights.sum(1, keepdim=True)

    def _candidates(self, frames: Tensor) -> Tensor:
        """Indices (T, M) of vectors among which the nearest are."""
        if self._directions is None:
            return _smallest(_distances(frames, self.vectors, self._squares), N_NEIGHBOURS)
        distances = _distances(frames @ self._directions, self._projected, self._projected_squares)
        return _smallest(distances, _N_SHORTLISTED)


def blend(content: Tensor, timbre: Retrieval, ratio: float, where: Tensor | None = None) -> Tensor:
    """`ratio` of what the target has, the rest as it was sung.

    Args:
        content: (C, T).
        timbre: of the target.
        ratio: 0 leaves the content as it is, 1 leaves nothing of it.
        where: true on the frames to change, (T,); None is all.
    """
    if where is None:
        return torch.lerp(content, timbre(content), ratio)
    if not where.any():
        return content
    changed = content.clone()
    changed[:, where] = blend(content[:, where], timbre, ratio)
    return changed


def nearest(frames: Tensor, vectors: Tensor) -> Tensor:
    """Index of the vector that is nearest to each frame: (T, C), (N, C) -> (T,)."""
    return _distances(frames, vectors, vectors.square().sum(1)).argmin(1)


def _distances(frames: Tensor, vectors: Tensor, squares: Tensor) -> Tensor:
    """Squared distances (T, N), each less the square of its frame, which changes no order."""
    return torch.addmm(squares.unsqueeze(0), frames, vectors.T, alpha=-2)


def _smallest(values: Tensor, n: int) -> Tensor:
    """Indices of the `n` smallest of each row, in any order: (T, N) -> (T, min(n, N)).

    The n smallest lie in the n groups whose least is smallest; among a hundred thousand values, looking for those first
    takes a tenth of the time.
    """
    if values.shape[1] <= n * _GROUP:
        return values.topk(min(n, values.shape[1]), largest=False, sorted=False).indices
    groups = F.pad(values, (0, -values.shape[1] % _GROUP), value=torch.inf).reshape(len(values), -1, _GROUP)
    best = groups.amin(2).topk(n, largest=False, sorted=False).indices
    within = groups.gather(1, best.unsqueeze(2).expand(-1, -1, _GROUP)).flatten(1)
    order: Tensor = within.topk(n, largest=False, sorted=False).indices
    return best.gather(1, order // _GROUP) * _GROUP + order % _GROUP


def _principal_directions(vectors: Tensor) -> Tensor:
    """Orthonormal directions (C, D) in which the vectors differ most, by a part of them."""
    some = vectors[:: len(vectors) // _MOST_EXACT + 1]
    some = some - some.mean(0)
    directions: Tensor = torch.linalg.eigh(some.T @ some).eigenvectors
    return directions[:, -_N_DIRECTIONS:].contiguous()
