"""A small voice."""

from __future__ import annotations

import pytest
import torch
from small_voices import GOLDEN, seeded_synthesizer

from myna.config import Config
from myna.models.synthesizer import Synthesizer


@pytest.fixture
def small_config() -> Config:
    """NSF-HiFiGAN with a loudness embedding and an f0 predictor."""
    return Config.read(GOLDEN / "4.1" / "vec256l9-vol" / "config.json")


@pytest.fixture
def small_synthesizer(small_config: Config) -> Synthesizer:
    return seeded_synthesizer(small_config)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
