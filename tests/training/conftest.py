"""A training that is quick, and that gives the same bits again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from tiny import small_judges

from myna.models.families import DISCRIMINATORS


@pytest.fixture
def small_and_alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Narrow judges, and one thread: sums in one order give the same bits."""
    monkeypatch.setitem(DISCRIMINATORS, "waveform", small_judges)
    monkeypatch.delenv("MYNA_ASSETS", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
