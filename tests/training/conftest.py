"""Fixture for quick and reproducible trainings."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from tiny import small_discriminators

from myna.models.families import DISCRIMINATORS


@pytest.fixture
def small_and_alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Use narrow discriminators, and one thread, so that sums are computed in the same order."""
    monkeypatch.setitem(DISCRIMINATORS, "waveform", small_discriminators)
    monkeypatch.delenv("MYNA_ASSETS", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
