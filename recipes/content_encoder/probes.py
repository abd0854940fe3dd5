"""Linear probes on frame features, fitted by closed-form ridge regression."""

from __future__ import annotations

import torch
from torch import Tensor

RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


class Ridge:
    """Ridge regression on standardised features, with a penalty proportional to the number of rows."""

    def __init__(self, x: Tensor, y: Tensor, ridge: float = 1e-3) -> None:
        x, y = x.double(), y.double()
        self.mean, self.std, self.offset = x.mean(0), x.std(0).clamp_min(1e-6), y.mean(0)
        x = (x - self.mean) / self.std
        gram = x.T @ x + ridge * len(x) * torch.eye(x.shape[1], dtype=x.dtype)
        self.weight = torch.linalg.solve(gram, x.T @ (y - self.offset))

    def __call__(self, x: Tensor) -> Tensor:
        return (x.double() - self.mean) / self.std @ self.weight + self.offset


def one_hot(labels: Tensor, n: int) -> Tensor:
    return torch.nn.functional.one_hot(labels, n).double()


def accuracy(probe: Ridge, x: Tensor, labels: Tensor) -> float:
    return float((probe(x).argmax(1) == labels).double().mean())


def r_squared(probe: Ridge, x: Tensor, y: Tensor) -> float:
    """R2 of the probe: the share of the total variance of y, over all columns, that it predicts."""
    y = y.double()
    return float(1 - (probe(x) - y).square().sum() / (y - y.mean(0)).square().sum())


def folds_within(labels: Tensor, folds: int) -> Tensor:
    """Assign each clip to a fold, such that every fold has the same share of every speaker."""
    order = torch.stack([(labels[:i] == label).sum() for i, label in enumerate(labels)])
    return order % folds


def speaker_of_clips(clips: list[Tensor], labels: Tensor, folds: int = 5) -> float:
    """Accuracy of classifying the speaker from the mean and standard deviation of a clip's features.

    It is an upper bound, because the best of several ridge penalties is chosen on the test folds.
    """
    pooled = torch.stack([torch.cat([one.mean(0), one.std(0)]) for one in clips])
    n = int(labels.max()) + 1
    folds = min(folds, int(labels.bincount().max()))
    fold = folds_within(labels, folds)
    found = []
    for ridge in RIDGES:
        right = [
            accuracy(
                Ridge(pooled[fold != k], one_hot(labels[fold != k], n), ridge), pooled[fold == k], labels[fold == k]
            )
            for k in range(folds)
        ]
        found.append(sum(right) / folds)
    return max(found)


def speaker_of_frames(clips: list[Tensor], labels: Tensor, folds: int = 5) -> float:
    """Accuracy of classifying the speaker from one frame; the last fold is the test set."""
    n = int(labels.max()) + 1
    folds = min(folds, int(labels.bincount().max()))
    test = folds_within(labels, folds) == folds - 1
    frames = torch.cat([torch.full((len(one),), int(label)) for one, label in zip(clips, labels, strict=True)])
    held = torch.cat([torch.full((len(one),), bool(t)) for one, t in zip(clips, test, strict=True)])
    x = torch.cat(clips)
    return accuracy(Ridge(x[~held], one_hot(frames[~held], n)), x[held], frames[held])


def cka(x: Tensor, y: Tensor) -> float:
    """Linear centred kernel alignment (Kornblith et al. 2019), 0 to 1, between two features of the same frames."""
    x, y = (one.double() - one.double().mean(0) for one in (x, y))
    return float((x.T @ y).square().sum() / ((x.T @ x).norm() * (y.T @ y).norm()))
