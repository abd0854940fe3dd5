"""Retrieval: search for content frames of the target speaker similar to those of a source, and blend both.

The content of a source recording retains traces of its singer. Blending it with frames retrieved from the target's
recordings makes the result sound more like the target, but a large share of retrieved frames makes it less articulate.
There are two methods: take the nearest of a few thousand k-means centroids (so-vits-svc 4.0), or average the 8 nearest
frames (RVC).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor

N_NEIGHBOURS = 8
_BLOCK_FRAMES = 32  # frames per search; the distances of more frames do not fit in the processor's cache
# Up to this number of vectors, the search is exact. In a larger index, a search in the first principal components gives
# a shortlist, and exact distances are computed only for the shortlist. With 100,000 vectors of 768 channels and one
# second of content (50 frames), this takes 0.035 s instead of 0.10 to 0.15 s on one thread of an AMD EPYC. It finds
# 99.3 % of the 8 nearest vectors (measured with myna-content on speech).
_MOST_EXACT = 16384
_N_DIRECTIONS = 64
_N_SHORTLISTED = 128
_GROUP = 16


class Retrieval(ABC):
    """Retrieval from the content of one speaker; maps content (C, T) to retrieved content (C, T)."""

    def __call__(self, content: Tensor) -> Tensor:
        # Content has 50 frames per second, which are repeated at the synthesizer's frame rate. Search for each frame
        # once.
        differs = torch.cat([content.new_ones(1, dtype=torch.bool), (content.diff(dim=1) != 0).any(0)])
        found = [self._find(block) for block in torch.split(content.T[differs], _BLOCK_FRAMES)]
        return torch.cat(found)[differs.cumsum(0) - 1].T

    @abstractmethod
    def _find(self, frames: Tensor) -> Tensor:
        """Return the retrieved content (T, C) for `frames` (T, C), which have no consecutive repeats."""


class Centroids(Retrieval):
    """Retrieval of the nearest k-means centroid.

    Args:
        centroids: k-means centroids of the speaker's content, (K, C).
    """

    def __init__(self, centroids: Tensor) -> None:
        self.centroids = centroids

    def _find(self, frames: Tensor) -> Tensor:
        return self.centroids[nearest(frames, self.centroids)]


class Index(Retrieval):
    """Retrieval of the weighted mean of the `N_NEIGHBOURS` nearest vectors.

    The weights are as in RVC: `np.square(1 / score)`, where `score` is the squared distance that faiss returns.

    Args:
        vectors: content frames of the speaker, (N, C).
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
        # Square the differences of the vectors: for close vectors, the formula of `_distances` would lose all
        # precision.
        distances = (candidates - frames.unsqueeze(1)).square().sum(2)
        nearest_distances, order = distances.topk(min(N_NEIGHBOURS, distances.shape[1]), largest=False)
        # Weights are relative to the nearest vector, so that a frame in the index maps to itself without division by
        # zero.
        least = torch.finfo(frames.dtype).tiny ** 0.5
        weights = (nearest_distances[:, :1].clamp(min=least) / nearest_distances.clamp(min=least)).square()
        neighbours = candidates.gather(1, order.unsqueeze(2).expand(-1, -1, frames.shape[1]))
        return (weights.unsqueeze(2) * neighbours).sum(1) / weights.sum(1, keepdim=True)

    def _candidates(self, frames: Tensor) -> Tensor:
        """Return the indices (T, M) of candidates for the nearest vectors of each frame.

        The candidates include all `N_NEIGHBOURS` nearest vectors or, in a large index, nearly all.
        """
        if self._directions is None:
            return _smallest(_distances(frames, self.vectors, self._squares), N_NEIGHBOURS)
        distances = _distances(frames @ self._directions, self._projected, self._projected_squares)
        return _smallest(distances, _N_SHORTLISTED)


def blend(content: Tensor, retrieval: Retrieval, ratio: float, where: Tensor | None = None) -> Tensor:
    """Interpolate between content and retrieved content.

    Args:
        content: content features, (C, T).
        retrieval: retrieval data of the target speaker.
        ratio: share of the retrieved content in the result, 0..1.
        where: mask (T,) of the frames to change; None changes all frames.
    """
    if where is None:
        return torch.lerp(content, retrieval(content), ratio)
    if not where.any():
        return content
    changed = content.clone()
    changed[:, where] = blend(content[:, where], retrieval, ratio)
    return changed


def nearest(frames: Tensor, vectors: Tensor) -> Tensor:
    """Return the index of the nearest of `vectors` (N, C) for each of `frames` (T, C); the result is (T,)."""
    return _distances(frames, vectors, vectors.square().sum(1)).argmin(1)


def _distances(frames: Tensor, vectors: Tensor, squares: Tensor) -> Tensor:
    """Return squared distances (T, N) without the frames' squared norms, which are constant in each row."""
    return torch.addmm(squares.unsqueeze(0), frames, vectors.T, alpha=-2)


def _smallest(values: Tensor, n: int) -> Tensor:
    """Return the indices (T, min(n, N)) of the `n` smallest values in each row of `values` (T, N), in any order.

    Each row is split into groups. The n smallest values are in the n groups with the smallest minima. With a hundred
    thousand values, a search through groups takes a tenth of the time of a direct search.
    """
    if values.shape[1] <= n * _GROUP:
        return values.topk(min(n, values.shape[1]), largest=False, sorted=False).indices
    groups = F.pad(values, (0, -values.shape[1] % _GROUP), value=torch.inf).reshape(len(values), -1, _GROUP)
    best = groups.amin(2).topk(n, largest=False, sorted=False).indices
    within = groups.gather(1, best.unsqueeze(2).expand(-1, -1, _GROUP)).flatten(1)
    order: Tensor = within.topk(n, largest=False, sorted=False).indices
    return best.gather(1, order // _GROUP) * _GROUP + order % _GROUP


def _principal_directions(vectors: Tensor) -> Tensor:
    """Compute the first principal components of a subset of `vectors`, as orthonormal columns (C, D)."""
    some = vectors[:: len(vectors) // _MOST_EXACT + 1]
    some = some - some.mean(0)
    directions: Tensor = torch.linalg.eigh(some.T @ some).eigenvectors
    return directions[:, -_N_DIRECTIONS:].contiguous()
