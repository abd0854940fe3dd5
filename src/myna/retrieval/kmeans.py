"""Mini-batch k-means (Sculley 2010)."""

from __future__ import annotations

import torch
from torch import Tensor

from myna.progress import Progress, silent
from myna.retrieval.search import nearest

_BATCH = 4096
_PASSES = 10  # passes over all vectors; more would change little, because the step size decreases


def k_means(
    vectors: Tensor, n_clusters: int, seed: int = 0, *, title: str = "clusters", progress: Progress = silent
) -> Tensor:
    """Compute `n_clusters` centroids (K, C) of `vectors` (N, C).

    If there are at most `n_clusters` vectors, they are returned unchanged. The centroids are initialised with randomly
    chosen vectors. At the end, each centroid is the mean of all vectors that were assigned to it in any pass.
    """
    if len(vectors) <= n_clusters:
        return vectors
    generator = torch.Generator().manual_seed(seed)
    centroids = vectors[torch.randperm(len(vectors), generator=generator)[:n_clusters]].clone()
    counts = torch.zeros(n_clusters)
    n_batches = -(-len(vectors) // _BATCH)
    batches = (
        batch
        for _ in range(_PASSES)
        for batch in torch.randperm(len(vectors), generator=generator).tensor_split(n_batches)
    )
    for batch in progress(batches, title=title, total=_PASSES * n_batches, unit="batches"):
        own = vectors[batch]
        labels = nearest(own, centroids)
        new = torch.bincount(labels, minlength=n_clusters)
        counts += new
        sums = torch.zeros_like(centroids).index_add_(0, labels, own)
        centroids += (sums - new.unsqueeze(1) * centroids) / counts.clamp(min=1).unsqueeze(1)
    return centroids
