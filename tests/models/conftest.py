"""Fixtures of small voices."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from filelock import FileLock
from small_voices import EXPORTED, GOLDEN, seeded_synthesizer

from myna.apps.cli import svc
from myna.config import Config
from myna.models.synthesizers.vits import Vits


@pytest.fixture
def small_config() -> Config:
    """NSF-HiFiGAN with a loudness embedding and an f0 predictor."""
    return Config.read(GOLDEN / "4.1" / "vec256l9-vol" / "config.json")


@pytest.fixture
def small_synthesizer(small_config: Config) -> Vits:
    return seeded_synthesizer(small_config)


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ONNX graph of the voice EXPORTED; shared, also by the processes that run tests, since the export is slow."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    path = root / "exported" / "voice.onnx"
    with FileLock(root / "exported.lock"):
        if not path.exists():
            arguments = ["export", "-m", str(EXPORTED), "-o", str(path), "--author", "Anna"]
            done = CliRunner().invoke(svc, arguments, catch_exceptions=False)
            assert done.exit_code == 0 and str(path) in done.stdout
            assert [one.name for one in path.parent.iterdir()] == ["voice.onnx"]
    return path


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
