"""Interface between the training loop and the networks that it trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from lightning_fabric import Fabric
from torch import nn

from myna.config import Config
from myna.training.dataset import Batch, ClipDataset, Collate
from myna.training.log import Log
from myna.training.progress import Progress
from myna.training.step import StepResult


class Trainee(Protocol):
    """Networks in training, with their optimizers, losses and files; the part of a training that is not the loop."""

    @property
    def fabric(self) -> Fabric: ...

    @property
    def config(self) -> Config:
        """Configuration whose sections `train` and `data` apply to the loop and to the clips."""
        ...

    @property
    def state(self) -> Progress: ...

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """Networks by name; the first one is the one that is used later."""
        ...

    @property
    def collate(self) -> Collate: ...

    def try_batch(self, batch: Batch) -> None:
        """Compute the gradients of a batch, as a test of whether it fits in memory."""
        ...

    def set_learning_rate(self) -> float:
        """Set and return the learning rate of the next step."""
        ...

    def update(self, batches: Sequence[Batch]) -> StepResult:
        """Update the weights with the mean gradients of the batches."""
        ...

    def validate(self, clips: ClipDataset, log: Log) -> None:
        """Log the results on validation clips."""
        ...

    def describe(self) -> None:
        """Write the configuration beside the checkpoints; called before the first one of a run."""
        ...

    def save(self) -> Path:
        """Write a checkpoint, delete old ones, and return the path of the new one."""
        ...
