"""Upsampling of content from 50 frames a second to the synthesizer's frame rate.

Both modes repeat frames without interpolation. The formulas are from so-vits-svc. Conversion must use the same mode as
the training of the voice.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from myna.config import Expansion


def expand(content: Tensor, n_frames: int, mode: Expansion) -> Tensor:
    """Stretch `content` (C, T') to `n_frames` frames, (C, n_frames).

    In mode "nearest", output frame t is content frame floor(t T' / n_frames). In mode "left", it is the last content
    frame that starts at or before t; content frame k starts at k n_frames / T'. Apart from rounding, the modes differ
    only if n_frames < T': then "nearest" skips frames, and "left" returns the first n_frames frames.
    """
    if mode == "nearest":
        return F.interpolate(content[None], size=n_frames, mode="nearest")[0]
    n_source = content.shape[-1]
    frames = torch.arange(n_frames, device=content.device)
    # Single precision, as in so-vits-svc: where a content frame starts exactly at an output frame, the result depends
    # on rounding errors.
    begins = torch.arange(1, n_source + 1, device=content.device) * n_frames / n_source
    begun = torch.searchsorted(begins, frames.to(begins.dtype), right=True)
    return content[:, torch.minimum(begun, frames).clamp(max=n_source - 1)]
