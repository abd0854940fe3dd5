"""Building of a synthesizer from a configuration and weights with myna's tensor names."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

from myna.config import Config
from myna.errors import CheckpointError
from myna.models.families import SYNTHESIZERS
from myna.models.interface import SynthesizerModule
from myna.storage.checkpoint import load_weights

# Limit of the parameters and buffers of a network: a multiple of the numbers in its file plus a constant, because files
# may lack the posterior encoder and buffers.
_TIMES, _MORE = 3, 10_000_000
_MAKERS = frozenset({"empty", "zeros", "ones", "rand", "randn"})


def build(weights: Mapping[str, Tensor], config: Config, *, trainable: bool = False) -> SynthesizerModule:
    """Build the synthesizer that `config` describes and load `weights` into it.

    Args:
        weights: tensors with myna's names.
        config: configuration of the voice.
        trainable: keep the parts that only training uses, for example the posterior encoder.

    Raises:
        CheckpointError: the weights do not fit the configuration; the message lists the mismatches.
    """
    n_numbers = sum(tensor.numel() for tensor in weights.values())
    with _NoLargerThan(_TIMES * n_numbers + _MORE):
        synthesizer = SYNTHESIZERS[config.model.synthesizer](config.model, config.data)
    if not trainable:
        synthesizer.prune()
    load_weights(synthesizer, weights)
    return synthesizer


class _NoLargerThan(TorchFunctionMode):
    """Limit on the numbers that a network allocates.

    Without it, a wrong file could describe a network that exceeds the machine's memory.
    """

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
                raise CheckpointError("the weights do not fit the configuration, which describes a far larger network")
        return func(*args, **(kwargs or {}))
