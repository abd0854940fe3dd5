"""The arithmetic of a training before it starts: steps, epochs, saves, disk and time."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

# After so many steps a voice is worth judging, says the article that describes the system.
WANTED_STEPS = 20_000


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What `epochs` over `clips` come to."""

    clips: int
    batch_size: int
    epochs: int
    steps_per_epoch: int
    steps: int
    saves: int  # how often the voice is written, the end included
    saves_kept: int  # how many of them are there at the end
    last_save_extra: bool  # the last one is not at a multiple of `eval_interval`: it is made because the training ends
    bytes_on_disk: int | None  # at the fullest moment
    seconds: float | None

    def epochs_for(self, steps: int = WANTED_STEPS) -> int:
        """How many epochs make at least so many steps."""
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
    bytes_per_save: int | None = None,
    seconds_per_step: float | None = None,
) -> Schedule:
    """Count what a training will do, on one device.

    The article adds an epoch so that the last step is saved. That is not needed here: a training saves at its last
    step whatever `eval_interval` is, and `last_save_extra` says that this happens.

    Args:
        clips: in the training list.
        batch_size: clips a step, before accumulation.
        epochs: in all.
        eval_interval: steps from one save to the next.
        keep_ckpts: how many saves are kept; 0 keeps all.
        by_step: `ckpt_name_by_step`: otherwise a save is named by its epoch and takes the place of an earlier one of
            the same epoch.
        accumulated: `accumulate_grad_batches`, batches a step.
        bytes_per_save: what one save takes, generator and discriminators together.
        seconds_per_step: as measured.

    Raises:
        ValueError: a number is too small to make sense.
    """
    if min(clips, batch_size, epochs, eval_interval, accumulated) < 1 or keep_ckpts < 0:
        raise ValueError("clips, batch_size, epochs, eval_interval and accumulated begin at 1, keep_ckpts at 0")
    steps_per_epoch = ceil(ceil(clips / batch_size) / accumulated)
    steps = steps_per_epoch * epochs
    extra = steps % eval_interval != 0
    saves = steps // eval_interval + extra
    files = saves if by_step else _saved_epochs(steps_per_epoch, epochs, eval_interval)
    kept = min(files, keep_ckpts) if keep_ckpts else files
    # A new save is whole before the oldest goes.
    at_once = kept + (kept < files)
    return Schedule(
        clips=clips,
        batch_size=batch_size,
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        steps=steps,
        saves=saves,
        saves_kept=kept,
        last_save_extra=extra,
        bytes_on_disk=None if bytes_per_save is None else at_once * bytes_per_save,
        seconds=None if seconds_per_step is None else steps * seconds_per_step,
    )


def _saved_epochs(steps_per_epoch: int, epochs: int, eval_interval: int) -> int:
    """In how many epochs a save is made."""
    if eval_interval <= steps_per_epoch:
        return epochs
    regular, rest = divmod(steps_per_epoch * epochs, eval_interval)
    # The save at the end may fall into the epoch of the one before it.
    return regular + (rest >= steps_per_epoch or (regular == 0 and rest > 0))
