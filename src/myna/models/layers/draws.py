"""Every random draw of the models, so that one seed gives one sound on any device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def normal(shape: Sequence[int], like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Standard normal numbers of `shape`, with the type and device of `like`.

    They are drawn where the generator lives: a CPU generator gives the same numbers to a model on any device.
    """
    device = like.device if generator is None else generator.device
    return torch.randn(tuple(shape), generator=generator, device=device, dtype=like.dtype).to(like.device)


def uniform(shape: Sequence[int], like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Numbers from [0, 1) of `shape`, with the type and device of `like`; see `normal`."""
    device = like.device if generator is None else generator.device
    return torch.rand(tuple(shape), generator=generator, device=device, dtype=like.dtype).to(like.device)
