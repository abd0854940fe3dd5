"""Damaged and hostile files of every kind are opened or refused with one line; see runner.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz.runner import fuzz
from fuzz.targets import TARGETS

SECONDS = 60.0


@pytest.mark.timeout(600)
def test_no_file_runs_code_crashes_hangs_or_exhausts_memory(tmp_path: Path) -> None:
    sessions = fuzz(list(TARGETS), SECONDS, seed=0, findings=tmp_path)
    assert [problem for one in sessions.values() for problem in one.problems] == []
    for name, one in sessions.items():
        assert one.counts["refused"] > 10, (name, one)
