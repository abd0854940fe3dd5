"""Masks for padded batches, and functions that cut the same segments from several signals."""

from __future__ import annotations

import torch
from torch import Tensor


def frame_mask(lengths: Tensor, n_frames: int) -> Tensor:
    """Return a float32 mask (B, 1, n_frames) that is 1 on real frames and 0 on padding, from `lengths` (B,)."""
    positions = torch.arange(n_frames, device=lengths.device)
    return (positions < lengths[:, None]).unsqueeze(1).float()


def segment_starts(lengths: Tensor, segment_frames: int, position: Tensor) -> Tensor:
    """Return the first frame of a segment in each clip; 0 if the clip is not longer than the segment.

    Args:
        lengths: number of frames of each clip, (B,).
        position: start of the segment as a fraction of the range of possible starts, 0 <= position < 1, (B,).

    Returns:
        The indices, (B,) long.
    """
    return (position * (lengths - segment_frames).clamp(min=0)).long()


def slice_segments(signal: Tensor, starts: Tensor, length: int) -> Tensor:
    """Cut `length` steps from each item's last axis: signal (B, ..., T), starts (B,) -> (B, ..., min(length, T))."""
    length = min(length, signal.shape[-1])
    index = starts[:, None] + torch.arange(length, device=signal.device)
    index = index.reshape(-1, *[1] * (signal.dim() - 2), length)
    return signal.gather(-1, index.expand(*signal.shape[:-1], length))
