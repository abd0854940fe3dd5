"""Small voices: those of the recorded truth, whose configurations are full but for their size."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from myna.config import Config
from myna.models.layers import draws
from myna.models.synthesizers.vits import Synthesizer

GOLDEN = Path(__file__).parents[1] / "golden"
EXPORTED = GOLDEN / "fork" / "quickvc"  # a multi-stream decoder with an f0 predictor; see the fixture `exported`


def seeded_synthesizer(config: Config) -> Synthesizer:
    """With random weights everywhere, also where training starts from zeros (a flow that is not the identity)."""
    torch.manual_seed(0)
    synthesizer = Synthesizer(config.model, config.data)
    with torch.no_grad():
        for parameter in synthesizer.parameters():
            if not parameter.any():
                parameter.normal_(std=0.1)
    return synthesizer


def silence_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every random draw of the models zero."""
    for draw in ("normal", "uniform"):
        monkeypatch.setattr(draws, draw, lambda shape, like, generator: like.new_zeros(shape))
