"""Helpers for trainings of tiny voices: run, record the reports, compare checkpoints."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import torch
from tiny import tensors

from myna.config import Config
from myna.options import TrainOptions
from myna.training.loop import Plan, Silent, StepReport, TrainSummary
from myna.training.train import train


class Recorder(Silent):
    """Listener that records reports; after the step `terminate_at` it sends SIGTERM to all processes, as SLURM does."""

    def __init__(self, terminate_at: int | None = None) -> None:
        self.plans: list[Plan] = []
        self.reports: list[StepReport] = []
        self.notes: list[str] = []
        self.terminate_at = terminate_at

    def began(self, plan: Plan) -> None:
        self.plans.append(plan)

    def stepped(self, report: StepReport) -> None:
        self.reports.append(report)
        if report.step == self.terminate_at:
            for process in (multiprocessing.current_process(), *multiprocessing.active_children()):
                assert process.pid is not None
                os.kill(process.pid, signal.SIGTERM)

    def noted(self, text: str) -> None:
        self.notes.append(text)


def run(config: Path, folder: Path, recorder: Recorder | None = None, **options: Any) -> TrainSummary:
    chosen: dict[str, Any] = {"from_scratch": True, "device": "cpu"} | options
    return train(Config.read(config), folder, TrainOptions(**chosen), recorder)


def contents(path: Path) -> dict[str, Any]:
    return tensors(torch.load(path, weights_only=True))


def assert_same_bits(one: Path, other: Path) -> None:
    left, right = contents(one), contents(other)
    assert left.keys() == right.keys()
    for name, value in left.items():
        same = torch.equal(value, right[name]) if isinstance(value, torch.Tensor) else value == right[name]
        assert same, f"{one.name}: {name} differs"
