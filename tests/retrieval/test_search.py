"""Nearest neighbours among a speaker's frames, and blending."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from myna.retrieval import search
from myna.retrieval.search import Centroids, Index, blend, nearest


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_centroids_return_the_nearest_one() -> None:
    centres = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    content = torch.tensor([[1.0, 9.0, 4.9, -50.0], [2.0, 1.0, 4.8, 40.0]])
    assert torch.equal(Centroids(centres)(content), centres[[0, 1, 0, 2]].T)


def test_eight_neighbours_are_weighted_by_the_inverse_square_of_their_squared_distance() -> None:
    """The formula of RVC; the ninth neighbour has no weight."""
    distances = torch.tensor([1.0, 2, 3, 4, 5, 6, 7, 8, 9])
    vectors = distances[:, None] * torch.nn.functional.normalize(randn(9, 5), dim=1)
    weights = distances[:8] ** -4
    expected = (weights[:, None] * vectors[:8]).sum(0) / weights.sum()
    torch.testing.assert_close(Index(vectors.flip(0))(torch.zeros(5, 1))[:, 0], expected)


def test_a_vector_of_the_index_is_its_own_result() -> None:
    vectors = randn(100, 16)
    torch.testing.assert_close(Index(vectors)(vectors[:7].T), vectors[:7].T)
    doubled = vectors.repeat(2, 1)
    torch.testing.assert_close(Index(doubled)(vectors[:7].T), vectors[:7].T)


@pytest.mark.parametrize("n_vectors", [1, 3, 8])
def test_an_index_may_have_few_vectors(n_vectors: int) -> None:
    found = Index(randn(n_vectors, 4))(randn(4, 5, seed=1))
    assert found.shape == (4, 5) and found.isfinite().all()


@pytest.mark.parametrize("n_vectors", [5, 127, 128, 129, 1000, 1003])
@pytest.mark.parametrize("n", [8, 100])
def test_search_by_groups_finds_the_smallest(n_vectors: int, n: int) -> None:
    values = randn(6, n_vectors)
    found = values.gather(1, search._smallest(values, n)).sort(dim=1).values
    torch.testing.assert_close(found, values.sort(dim=1).values[:, :n])


def test_approximate_search_of_a_large_index_has_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """Content varies in fewer directions than it has channels."""
    mixing = randn(40, 120)
    vectors, content = randn(6000, 40) @ mixing, (randn(90, 40, seed=1) @ mixing).T
    exactly = Index(vectors)(content)
    monkeypatch.setattr(search, "_MOST_EXACT", 1000)
    torch.testing.assert_close(Index(vectors)(content), exactly, rtol=1e-4, atol=1e-4)


def test_repeated_frames_have_the_same_result_in_their_places() -> None:
    content = randn(4, 100)
    stretched = content[:, torch.arange(300) // 3]
    timbre = Index(randn(50, 4, seed=1))
    torch.testing.assert_close(timbre(stretched), timbre(content)[:, torch.arange(300) // 3])


def test_ratio_and_mask_set_amount_and_place_of_blending() -> None:
    content, timbre = randn(4, 10), Centroids(randn(3, 4, seed=1))
    voiced = torch.arange(10) % 3 > 0
    assert torch.equal(blend(content, timbre, 0.0), content)
    torch.testing.assert_close(blend(content, timbre, 1.0), timbre(content))
    torch.testing.assert_close(blend(content, timbre, 0.25), 0.25 * timbre(content) + 0.75 * content)
    guarded = blend(content, timbre, 1.0, voiced)
    assert torch.equal(guarded[:, ~voiced], content[:, ~voiced])
    assert torch.equal(guarded[:, voiced], timbre(content)[:, voiced])
    assert torch.equal(blend(content, timbre, 1.0, torch.zeros(10, dtype=torch.bool)), content)


def test_nearest_returns_the_smallest_distance() -> None:
    frames, vectors = randn(20, 6), randn(30, 6, seed=1)
    assert torch.equal(nearest(frames, vectors), torch.cdist(frames, vectors).argmin(1))
