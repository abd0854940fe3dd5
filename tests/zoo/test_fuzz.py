"""Damaged and hostile files give a one-line error or a voice; see fuzz.py."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import processes

N_FILES, N_PROCESSES = 2000, 2


@pytest.mark.timeout(600)
def test_no_file_crashes_executes_code_or_exhausts_resources(tmp_path: Path) -> None:
    script = Path(__file__).with_name("fuzz.py")
    folders = [tmp_path / str(part) for part in range(N_PROCESSES)]
    share = N_FILES // N_PROCESSES
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with ExitStack() as stack:
        running = []
        for part, folder in enumerate(folders):
            folder.mkdir()
            command = [sys.executable, str(script), str(folder), str(part * share), str(share)]
            running.append(stack.enter_context(processes.started(command, text=True, **pipes)))
        for folder, process in zip(folders, running, strict=True):
            printed, problems = process.communicate()
            assert process.returncode == 0, problems[-3000:]
            check(json.loads(printed), share)
            assert not list(folder.iterdir())


def check(printed: dict[str, Any], n_files: int) -> None:
    assert sum(printed["outcomes"].values()) == n_files
    for never in ("truncated", "hostile", "bomb", "leading_out", "nested", "slow_key"):
        assert f"{never} loaded" not in printed["outcomes"], printed
    assert printed["slowest"] < 10
    # Includes the memory of the mutations themselves.
    assert printed["grown"] < 100e6, printed
