"""Which frames of a padded batch are real, and cutting the same piece out of several signals."""

from __future__ import annotations

import torch
from torch import Tensor

from myna.models.layers import draws


def frame_mask(lengths: Tensor, n_frames: int) -> Tensor:
    """1 on real frames, 0 on padding: lengths (B,) -> (B, 1, n_frames), float32."""
    positions = torch.arange(n_frames, device=lengths.device)
    return (positions < lengths[:, None]).unsqueeze(1).float()


def random_starts(lengths: Tensor, segment_frames: int, generator: torch.Generator | None) -> Tensor:
    """For each clip a first frame such that `segment_frames` fit, or 0 where the clip is shorter; (B,) long."""
    room = (lengths - segment_frames).clamp(min=0)
    return (draws.uniform(room.shape, torch.zeros((), device=room.device), generator) * room).long()


def slice_segments(signal: Tensor, starts: Tensor, length: int) -> Tensor:
    """Cut `length` steps from the last axis of each item: (B, ..., T), (B,) -> (B, ..., min(length, T))."""
    length = min(length, signal.shape[-1])
    index = starts[:, None] + torch.arange(length, device=signal.device)
    index = index.reshape(-1, *[1] * (signal.dim() - 2), length)
    return signal.gather(-1, index.expand(*signal.shape[:-1], length))
