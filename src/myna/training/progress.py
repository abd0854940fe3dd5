"""Progress of a training, and checked values from its checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW

from myna.errors import CheckpointError
from myna.storage import checkpoint

_COUNTERS = ("step", "epoch", "position", "skipped_in_a_row", "batch_size", "steps_per_epoch")
_MAX_COUNT = 2**53  # a larger count means a damaged file
_MOMENTS = ("exp_avg", "exp_avg_sq")  # moments of AdamW
_FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
_SCALER_FACTORS = ("scale", "growth_factor", "backoff_factor", "growth_interval")


@dataclass(kw_only=True)
class Progress:
    """Counters of a training."""

    step: int = 0  # number of updates so far
    epoch: int = 0  # number of complete epochs
    position: int = 0  # number of updates in the current epoch
    skipped_in_a_row: int = 0  # number of skipped steps since the last finite step
    # `position` is valid only for these two values; if either changes, the current epoch starts over.
    batch_size: int = 0
    steps_per_epoch: int = 0
    scaler: dict[str, Any] = field(default_factory=dict)  # state of the gradient scaler in fp16

    @property
    def epoch_number(self) -> int:
        """Number of the current epoch, counted from 1; between two epochs, the number of the finished one."""
        return self.epoch + (self.position > 0)

    def advance(self) -> None:
        """Count a finished step; after the last step of an epoch, begin the next epoch."""
        self.step += 1
        self.position += 1
        if self.position == self.steps_per_epoch:
            self.epoch, self.position = self.epoch + 1, 0

    def stored(self) -> dict[str, Any]:
        """Return the values to store in a checkpoint."""
        return {**{name: getattr(self, name) for name in _COUNTERS}, "scaler": self.scaler}

    def restore(self, stored: Mapping[str, Any]) -> None:
        """Set the counters to those of a checkpoint; a counter that it lacks keeps its value."""
        for name in _COUNTERS:
            setattr(self, name, stored.get(name, getattr(self, name)))


def invalid_counters(stored: Mapping[str, Any], *others: str) -> list[str]:
    """Return a phrase for each value of a checkpoint's progress that is not a count.

    Args:
        others: further names of counters.
    """
    counters = {name: stored.get(name, 0) for name in (*_COUNTERS, *others)}
    return [
        f"{name} is not a valid count"
        for name, value in counters.items()
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _MAX_COUNT
    ]


def load_module(module: nn.Module, weights: dict[str, Tensor], path: Path) -> None:
    """Load the weights of the file `path`.

    Raises:
        CheckpointError: the weights do not fit, or are not finite.
    """
    try:
        checkpoint.load_weights(module, weights)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    broken = [name for name, tensor in module.state_dict().items() if not tensor.isfinite().all()]
    if broken:
        raise CheckpointError(
            f"{path} is damaged: {len(broken)} tensors contain NaN or infinity, the first is {broken[0]}; train from "
            "another checkpoint"
        )


def load_optimizer(optimizer: AdamW, saved: dict[str, Any] | None, path: Path, command: str = "svc train") -> None:
    """Load the moments of an optimizer; learning rates and other settings stay as configured.

    Args:
        command: the command that trains, for the error message.

    Raises:
        CheckpointError: a moment is missing, has the wrong shape, is not finite or is otherwise invalid for AdamW.
    """
    moments = (saved or {}).get("state", {})
    if isinstance(moments, dict) and not moments:
        return  # the file contains only weights; the moments start at zero
    own = optimizer.state_dict()
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    problem = _problem_of_moments(moments, parameters)
    if problem is not None:
        raise CheckpointError(
            f"the optimizer state in {path} does not fit this voice: {problem}; {command} -r starts with a new one"
        )
    used = {index: {key: moments[index][key] for key in ("step", *_MOMENTS)} for index in range(len(parameters))}
    optimizer.load_state_dict({"state": used, "param_groups": own["param_groups"]})


def _problem_of_moments(moments: Any, parameters: list[nn.Parameter]) -> str | None:
    """Return a phrase that describes the first invalid value in an optimizer's state; None if all are valid."""
    if not isinstance(moments, dict) or set(moments) != set(range(len(parameters))):
        found = len(moments) if isinstance(moments, dict) else "no"
        return f"it has {found} entries for {len(parameters)} tensors"
    for index, parameter in enumerate(parameters):
        entry = moments[index]
        if not isinstance(entry, dict) or not {"step", *_MOMENTS} <= entry.keys():
            return f"entry {index} lacks a moment"
        for name in _MOMENTS:
            moment = entry[name]
            if not isinstance(moment, Tensor) or moment.dtype not in _FLOATS or moment.shape != parameter.shape:
                return f"{name} of entry {index} has another shape or type"
            if not moment.isfinite().all():
                return f"{name} of entry {index} contains NaN or infinity"
        if (entry["exp_avg_sq"] < 0).any():
            return f"exp_avg_sq of entry {index} is negative"
        if not _is_count(entry["step"]):
            return f"the step of entry {index} is not a number of steps"
    return None


def _is_count(value: Any) -> bool:
    if isinstance(value, Tensor):
        value = value.item() if value.numel() == 1 and not value.is_complex() else None
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _MAX_COUNT


def checked_scaler(scaler: Any, path: Path, command: str = "svc train") -> dict[str, Any]:
    """Validate and return the state of the gradient scaler, which is empty without fp16.

    Raises:
        CheckpointError: `scaler` is not the state of a gradient scaler.
    """
    valid = isinstance(scaler, dict) and (
        not scaler
        or (
            all(_is_count(scaler.get(name)) and scaler[name] > 0 for name in _SCALER_FACTORS)
            and isinstance(scaler.get("_growth_tracker"), int)
        )
    )
    if not valid:
        raise CheckpointError(f"the state of the gradient scaler in {path} is damaged; {command} -r starts a new one")
    return dict(scaler)
