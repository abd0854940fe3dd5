"""Construction of a synthesizer from a configuration, and from weights under myna's tensor names."""

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

# A network may have at most `_TIMES` times the numbers in its file plus `_MORE_NUMBERS`, and at most `_MORE_TENSORS`
# more tensors. The margins are for the posterior encoder and the buffers, which a file may lack.
_TIMES, _MORE_NUMBERS, _MORE_TENSORS = 3, 10_000_000, 300
_MAKERS = frozenset({"empty", "zeros", "ones", "rand", "randn"})


def build(weights: Mapping[str, Tensor], config: Config, *, trainable: bool = False) -> SynthesizerModule:
    """Build the synthesizer for `config`, and load `weights` into it.

    Args:
        weights: tensors with myna's names.
        config: configuration of the voice.
        trainable: whether to keep the parts that are used only in training, for example the posterior encoder.

    Raises:
        CheckpointError: the weights do not fit the configuration. The message lists the mismatches, or states that the
            network of the configuration is far larger.
    """
    with NoLargerThan(weights):
        synthesizer = SYNTHESIZERS[config.model.synthesizer](config.model, config.data)
    if not trainable:
        synthesizer.prune()
    load_weights(synthesizer, weights)
    return synthesizer


class NoLargerThan(TorchFunctionMode):
    """Context manager that raises an error if the network built in it is far larger than its weights.

    Without this limit, a malformed file could describe a network that exceeds the machine's memory or takes hours to
    build.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._numbers_left = _TIMES * sum(tensor.numel() for tensor in weights.values()) + _MORE_NUMBERS
        self._tensors_left = len(weights) + _MORE_TENSORS

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func.__name__ in _MAKERS:
            size = (kwargs or {}).get("size", args[0] if len(args) == 1 and not isinstance(args[0], int) else args)
            self._numbers_left -= math.prod(size)
            self._tensors_left -= 1
            if self._numbers_left < 0 or self._tensors_left < 0:
                raise CheckpointError("the weights do not fit the configuration, which describes a far larger network")
        return func(*args, **(kwargs or {}))
