"""From a configuration and weights under our names to a synthesizer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

from myna.config import Config
from myna.errors import CheckpointError
from myna.models.families import SYNTHESIZERS, AnySynthesizer
from myna.models.synthesizers.vits import Synthesizer
from myna.storage.checkpoint import load_weights

# How many more numbers a network may have than its file: a posterior encoder, which may be left out, and what is fixed.
_TIMES, _BESIDES = 3, 10_000_000
_MAKERS = frozenset({"empty", "zeros", "ones", "rand", "randn"})


def build(weights: Mapping[str, Tensor], config: Config, *, trainable: bool = False) -> AnySynthesizer:
    """The synthesizer that `config` describes, with `weights` under our names.

    Args:
        trainable: with the posterior encoder, which only training needs, and which is else left out.

    Raises:
        CheckpointError: the weights are not those of such a model; every mismatch is listed.
    """
    n_numbers = sum(tensor.numel() for tensor in weights.values())
    with _NoLargerThan(_TIMES * n_numbers + _BESIDES):
        synthesizer = SYNTHESIZERS[config.model.synthesizer](config.model, config.data)
    if not trainable and isinstance(synthesizer, Synthesizer):
        synthesizer.posterior = None
    load_weights(synthesizer, weights)
    return synthesizer


class _NoLargerThan(TorchFunctionMode):
    """Within it a network may have so many numbers: a file that is wrong may ask for more than the machine has."""

    def __init__(self, n_numbers: int) -> None:
        super().__init__()
        self._left = n_numbers

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func.__name__ in _MAKERS:
            size = (kwargs or {}).get("size", args[0] if len(args) == 1 and not isinstance(args[0], int) else args)
            self._left -= math.prod(size)
            if self._left < 0:
                raise CheckpointError("the weights do not fit the configuration, which means a far larger network")
        return func(*args, **(kwargs or {}))
