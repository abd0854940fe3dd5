"""Damaged and hostile files of every kind are opened or refused with one line; see runner.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz.runner import fuzz_all
from fuzz.targets import TARGETS

SECONDS = 60.0


@pytest.mark.timeout(600)
def test_no_file_runs_code_crashes_hangs_or_exhausts_memory(tmp_path: Path) -> None:
    outcomes = fuzz_all(list(TARGETS), SECONDS, processes=2, seed=0, findings=tmp_path)
    assert [finding for outcome in outcomes.values() for finding in outcome.findings] == []
    for name, outcome in outcomes.items():
        assert outcome.counts["refused"] > 10, (name, outcome)
