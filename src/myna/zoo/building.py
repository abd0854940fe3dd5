"""From a configuration and weights under our names to a synthesizer."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from myna.checkpoint import check_fit, load_weights
from myna.config import Config
from myna.models.families import SYNTHESIZERS, AnySynthesizer
from myna.models.synthesizer import Synthesizer


def build(weights: Mapping[str, Tensor], config: Config, *, trainable: bool = False) -> AnySynthesizer:
    """The synthesizer that `config` describes, with `weights` under our names.

    Args:
        trainable: with the posterior encoder, which only training needs, and which is else left out.

    Raises:
        CheckpointError: the weights are not those of such a model; every mismatch is listed.
    """
    # First without memory: a file that is wrong may ask for a network that is larger than the machine.
    with torch.device("meta"):
        check_fit(_empty(config, trainable), weights)
    synthesizer = _empty(config, trainable)
    load_weights(synthesizer, weights)
    return synthesizer


def _empty(config: Config, trainable: bool) -> AnySynthesizer:
    synthesizer = SYNTHESIZERS[config.model.synthesizer](config.model, config.data)
    if not trainable and isinstance(synthesizer, Synthesizer):
        synthesizer.posterior = None
    return synthesizer
