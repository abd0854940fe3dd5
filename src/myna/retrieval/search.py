"""Retrieval: replace content frames by similar ones of the target speaker, in part or entirely.

The content of a source contains traces of its singer. Blended with frames retrieved from the target's recordings it
sounds more like the target, but less articulate with a larger share. Two methods: the nearest of a few thousand k-means
centroids (so-vits-svc 4.0), and the mean of the 8 nearest frames (RVC).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor

N_NEIGHBOURS = 8
_BLOCK_FRAMES = 32  # searched at once; the distances of more do not fit into the processor's cache
# Up to this number of vectors the search is exact. In larger indexes, distances are computed only to the vectors that
# are nearest in the first principal components. For a second of content (50 frames) among 100,000 vectors of 768
# channels, on one thread of an AMD EPYC, this takes 0.035 s instead of 0.10 to 0.15 s and finds 99.3 % of the 8 nearest
# (myna-content, speech).
_MOST_EXACT = 16384
_N_DIRECTIONS = 64
_N_SHORTLISTED = 128
_GROUP = 16


class Retrieval(ABC):
    """Search among a speaker's content: content (C, T) -> most similar content of the speaker, (C, T)."""

    def __call__(self, content: Tensor) -> Tensor:
        # Content has 50 frames a second, repeated at the synthesizer's frame rate: each is searched once.
        differs = torch.cat([content.new_ones(1, dtype=torch.bool), (content.diff(dim=1) != 0).any(0)])
        found = [self._find(block) for block in torch.split(content.T[differs], _BLOCK_FRAMES)]
        return torch.cat(found)[differs.cumsum(0) - 1].T

    @abstractmethod
    def _find(self, frames: Tensor) -> Tensor:
        """Search for distinct frames (T, C); returns (T, C)."""


class Centroids(Retrieval):
    """The nearest k-means centroid.

    Args:
        centroids: (K, C).
    """

    def __init__(self, centroids: Tensor) -> None:
        self.centroids = centroids

    def _find(self, frames: Tensor) -> Tensor:
        return self.centroids[nearest(frames, self.centroids)]


class Index(Retrieval):
    """Weighted mean of the nearest vectors.

    The weights are RVC's, `np.square(1 / score)`, where the score is faiss' squared distance.

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
        # By subtraction: for near vectors a difference of large squares loses all its precision.
        distances = (candidates - frames.unsqueeze(1)).square().sum(2)
        nearest_distances, order = distances.topk(min(N_NEIGHBOURS, distances.shape[1]), largest=False)
        # Relative to the nearest: a frame that is in the index returns itself instead of dividing by zero.
        least = torch.finfo(frames.dtype).tiny ** 0.5
        weights = (nearest_distances[:, :1].clamp(min=least) / nearest_distances.clamp(min=least)).square()
        neighbours = candidates.gather(1, order.unsqueeze(2).expand(-1, -1, frames.shape[1]))
        return (weights.unsqueeze(2) * neighbours).sum(1) / weights.sum(1, keepdim=True)

    def _candidates(self, frames: Tensor) -> Tensor:
        """Indices (T, M) of vectors that contain the nearest ones."""
        if self._directions is None:
            return _smallest(_distances(frames, self.vectors, self._squares), N_NEIGHBOURS)
        distances = _distances(frames @ self._directions, self._projected, self._projected_squares)
        return _smallest(distances, _N_SHORTLISTED)


def blend(content: Tensor, retrieval: Retrieval, ratio: float, where: Tensor | None = None) -> Tensor:
    """Interpolate between content and retrieved content.

    Args:
        content: (C, T).
        retrieval: retrieval data of the target speaker.
        ratio: share of the retrieved content, 0..1.
        where: mask (T,), true on the frames to change; None for all.
    """
    if where is None:
        return torch.lerp(content, retrieval(content), ratio)
    if not where.any():
        return content
    changed = content.clone()
    changed[:, where] = blend(content[:, where], retrieval, ratio)
    return changed


def nearest(frames: Tensor, vectors: Tensor) -> Tensor:
    """Index (T,) of the vector (N, C) nearest to each frame (T, C)."""
    return _distances(frames, vectors, vectors.square().sum(1)).argmin(1)


def _distances(frames: Tensor, vectors: Tensor, squares: Tensor) -> Tensor:
    """Squared distances (T, N) minus the square of each frame, which does not change the order."""
    return torch.addmm(squares.unsqueeze(0), frames, vectors.T, alpha=-2)


def _smallest(values: Tensor, n: int) -> Tensor:
    """Indices (T, min(n, N)) of the `n` smallest values of each row of (T, N), in any order.

    The n smallest values lie in the n groups with the smallest minima. Searching for these groups first takes a tenth
    of the time among a hundred thousand values.
    """
    if values.shape[1] <= n * _GROUP:
        return values.topk(min(n, values.shape[1]), largest=False, sorted=False).indices
    groups = F.pad(values, (0, -values.shape[1] % _GROUP), value=torch.inf).reshape(len(values), -1, _GROUP)
    best = groups.amin(2).topk(n, largest=False, sorted=False).indices
    within = groups.gather(1, best.unsqueeze(2).expand(-1, -1, _GROUP)).flatten(1)
    order: Tensor = within.topk(n, largest=False, sorted=False).indices
    return best.gather(1, order // _GROUP) * _GROUP + order % _GROUP


def _principal_directions(vectors: Tensor) -> Tensor:
    """First principal components (C, D), orthonormal, from a subset of the vectors."""
    some = vectors[:: len(vectors) // _MOST_EXACT + 1]
    some = some - some.mean(0)
    directions: Tensor = torch.linalg.eigh(some.T @ some).eigenvectors
    return directions[:, -_N_DIRECTIONS:].contiguous()
