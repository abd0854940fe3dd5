"""Forecast of a training run: steps, epochs, checkpoints, disk space and time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from types import MappingProxyType

from myna.config import Config, TemplateName

# Number of steps after which a large voice can be assessed, from the same source as `studio.dataset.Aim`.
WANTED_STEPS = 20_000

# Parameters of the generator and of the discriminators of a voice made from a template, in millions.
_PARAMETERS: Mapping[TemplateName, tuple[float, float]] = MappingProxyType(
    {
        "myna-lite": (9.44, 0.35),
        "myna-live": (9.44, 0.35),
        "so-vits-svc-4.0v1": (45.6, 46.7),
        "so-vits-svc-4.0v1-legacy": (45.2, 46.7),
        "so-vits-svc-4.1": (52.4, 46.7),
        "so-vits-svc-4.1-tiny": (28.7, 46.7),
        "quickvc": (46.9, 46.7),
    }
)
_BYTES_PER_VALUE = 4  # float32
_VALUES_PER_PARAMETER = 3  # the weight and two moments of AdamW


class Length(StrEnum):
    """Length of a training run, for the user to choose."""

    QUICK = "quick"
    HALF_HOUR = "half_hour"
    OVERNIGHT = "overnight"


@dataclass(frozen=True)
class TimedRun:
    """Duration of a training run, and the number of checkpoints that it writes."""

    minutes: float
    checkpoints: int

    @classmethod
    def of(cls, minutes: float) -> TimedRun:
        """Plan a run of any duration, with a checkpoint every six minutes, but three to eight checkpoints in all."""
        return cls(minutes, min(max(ceil(minutes / 6), 3), 8))

    @property
    def save_minutes(self) -> float:
        """Minutes between checkpoints."""
        return max(self.minutes / self.checkpoints, 0.1)


LENGTHS: Mapping[Length, TimedRun] = MappingProxyType(
    {
        Length.QUICK: TimedRun.of(5),
        Length.HALF_HOUR: TimedRun.of(30),
        Length.OVERNIGHT: TimedRun.of(8 * 60),
    }
)


def checkpoint_bytes(config: Config) -> int | None:
    """Estimate the size of a checkpoint of a voice from its template; None for a configuration without a template."""
    found = next((sizes for name, sizes in _PARAMETERS.items() if name == config.kind), None)
    if found is None:
        return None
    generator, discriminators = found
    values = _VALUES_PER_PARAMETER * (generator + discriminators)
    if config.train.average_decay:
        values += generator  # the file has both the average and the trained weights
    return round(1e6 * _BYTES_PER_VALUE * values)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Steps, checkpoints, disk space and time of a training run of `epochs` epochs over `clips` clips."""

    clips: int
    batch_size: int
    epochs: int
    steps_per_epoch: int
    steps: int
    checkpoints: int  # number of written checkpoints, including the last one
    checkpoints_kept: int  # number of checkpoints at the end
    extra_checkpoint: bool  # whether the last step is saved only because training ends
    bytes_on_disk: int | None  # maximum during the run
    seconds: float | None

    def epochs_for(self, steps: int = WANTED_STEPS) -> int:
        """Return the smallest number of epochs with at least `steps` steps."""
        return ceil(steps / self.steps_per_epoch)


def plan(
    clips: int,
    batch_size: int,
    epochs: int,
    *,
    eval_interval: int,
    keep_ckpts: int = 0,
    by_step: bool = False,
    accumulated: int = 1,
    bytes_per_checkpoint: int | None = None,
    seconds_per_step: float | None = None,
) -> Schedule:
    """Plan a training run on one device.

    Training always saves its last step. `extra_checkpoint` is True if that step is not a multiple of `eval_interval`.

    Args:
        clips: number of clips in the training list.
        batch_size: clips per batch.
        epochs: total number of epochs.
        eval_interval: steps between checkpoints.
        keep_ckpts: number of checkpoints to keep; 0 keeps all.
        by_step: value of `ckpt_name_by_step`; if False, a checkpoint is named after its epoch and replaces an earlier
            checkpoint of the same epoch.
        accumulated: value of `accumulate_grad_batches`, the number of batches per step.
        bytes_per_checkpoint: total size of the files of the generator and the discriminators.
        seconds_per_step: measured duration of a step.

    Raises:
        ValueError: a number is below its minimum.
    """
    if min(clips, batch_size, epochs, eval_interval, accumulated) < 1 or keep_ckpts < 0:
        raise ValueError(
            "clips, batch_size, epochs, eval_interval and accumulated must be at least 1, keep_ckpts at least 0"
        )
    steps_per_epoch = ceil(ceil(clips / batch_size) / accumulated)
    steps = steps_per_epoch * epochs
    extra = steps % eval_interval != 0
    checkpoints = steps // eval_interval + extra
    files = checkpoints if by_step else _saved_epochs(steps_per_epoch, epochs, eval_interval)
    kept = min(files, keep_ckpts) if keep_ckpts else files
    # A new checkpoint is written completely before the oldest one is deleted.
    peak = kept + (kept < files)
    return Schedule(
        clips=clips,
        batch_size=batch_size,
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        steps=steps,
        checkpoints=checkpoints,
        checkpoints_kept=kept,
        extra_checkpoint=extra,
        bytes_on_disk=None if bytes_per_checkpoint is None else peak * bytes_per_checkpoint,
        seconds=None if seconds_per_step is None else steps * seconds_per_step,
    )


def _saved_epochs(steps_per_epoch: int, epochs: int, eval_interval: int) -> int:
    """Count the epochs in which a checkpoint is saved."""
    if eval_interval <= steps_per_epoch:
        return epochs
    regular, rest = divmod(steps_per_epoch * epochs, eval_interval)
    # The last checkpoint may be in the same epoch as the one before it.
    return regular + (rest >= steps_per_epoch or (regular == 0 and rest > 0))
