"""Content, 50 frames a second, stretched to the frames of the synthesizer.

Both ways repeat frames and blend none; the formulas are so-vits-svc's, since a voice expects the way that it learned.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from myna.config import Expansion


def expand(content: Tensor, n_frames: int, mode: Expansion) -> Tensor:
    """Stretch `content` (C, T') over `n_frames` frames, (C, n_frames).

    With "nearest" output frame t shows frame floor(t T' / n_frames). With "left" it shows the last frame that has begun
    by then, where frame k begins at k n_frames / T'; that is the same up to rounding, except that "left" never skips a
    frame: fewer frames than T' are the first ones.
    """
    if mode == "nearest":
        return F.interpolate(content[None], size=n_frames, mode="nearest")[0]
    n_source = content.shape[-1]
    frames = torch.arange(n_frames, device=content.device)
    # In single precision, as the predecessor, whose rounding shows where a boundary falls on a whole frame.
    begins = torch.arange(1, n_source + 1, device=content.device) * n_frames / n_source
    begun = torch.searchsorted(begins, frames.to(begins.dtype), right=True)
    return content[:, torch.minimum(begun, frames).clamp(max=n_source - 1)]
