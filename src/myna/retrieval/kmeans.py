"""k-means in small batches (Sculley 2010): many vectors told by fewer."""

from __future__ import annotations

import torch
from torch import Tensor

from myna.progress import Progress, silent
from myna.retrieval.search import nearest

_BATCH = 4096
_PASSES = 10  # over all vectors; more change the centres little, since each moves by less and less


def k_means(
    vectors: Tensor, n_clusters: int, seed: int = 0, *, title: str = "clusters", progress: Progress = silent
) -> Tensor:
    """Centres (K, C) of `vectors` (N, C): `n_clusters`, or where there are no more vectors, these themselves.

    Each centre begins as a vector, drawn at random, and is in the end the mean of all that were nearest to it.
    """
    if len(vectors) <= n_clusters:
        return vectors
    generator = torch.Generator().manual_seed(seed)
    centres = vectors[torch.randperm(len(vectors), generator=generator)[:n_clusters]].clone()
    counts = torch.zeros(n_clusters)
    n_batches = -(-len(vectors) // _BATCH)
    batches = (
        batch
        for _ in range(_PASSES)
        for batch in torch.randperm(len(vectors), generator=generator).tensor_split(n_batches)
    )
    for batch in progress(batches, title=title, total=_PASSES * n_batches, unit="batches"):
        own = vectors[batch]
        labels = nearest(own, centres)
        new = torch.bincount(labels, minlength=n_clusters)
        counts += new
        sums = torch.zeros_like(centres).index_add_(0, labels, own)
        centres += (sums - new.unsqueeze(1) * centres) / counts.clamp(min=1).unsqueeze(1)
    return centres
