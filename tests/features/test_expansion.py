"""Content is expanded to frames exactly as in the predecessors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from myna.features.expansion import expand

LENGTHS = [(1, 1), (1, 7), (3, 2), (50, 86), (499, 861), (500, 861), (500, 500), (86, 50), (7, 700), (300, 301)]
RANDOM_LENGTHS = [tuple(pair) for pair in np.random.default_rng(0).integers(1, 400, (40, 2)).tolist()]


def numbered(n_frames: int) -> Tensor:
    """Two channels that identify each frame."""
    return torch.stack([torch.arange(n_frames), -torch.arange(n_frames)]).float()


def left_step_by_step(n_source: int, n_frames: int) -> list[int]:
    """Frame by frame: advance to the next source frame as soon as it has begun."""
    begins = torch.arange(n_source + 1) * n_frames / n_source
    shown, current = [], 0
    for frame in range(n_frames):
        if frame >= begins[current + 1]:
            current += 1
        shown.append(current)
    return shown


def nearest_step_by_step(n_source: int, n_frames: int) -> list[int]:
    scale = np.float32(n_source) / np.float32(n_frames)
    return [min(int(np.float32(frame) * scale), n_source - 1) for frame in range(n_frames)]


@pytest.mark.parametrize(("n_source", "n_frames"), LENGTHS + RANDOM_LENGTHS)
def test_both_expansions_select_the_frames_of_the_predecessors(n_source: int, n_frames: int) -> None:
    content = numbered(n_source)
    assert expand(content, n_frames, "left").tolist() == content[:, left_step_by_step(n_source, n_frames)].tolist()
    assert (
        expand(content, n_frames, "nearest").tolist() == content[:, nearest_step_by_step(n_source, n_frames)].tolist()
    )
