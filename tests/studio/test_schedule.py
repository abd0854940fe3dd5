"""The schedule agrees with the article's example and with the training loop."""

from __future__ import annotations

from math import ceil
from typing import get_args

import pytest
import torch

from myna.config import Config, TemplateName
from myna.models.families import DISCRIMINATORS
from myna.studio.schedule import WANTED_STEPS, checkpoint_bytes, plan
from myna.training.families import training_family


def test_the_example_of_the_article() -> None:
    schedule = plan(200, 20, 100, eval_interval=200)
    assert (schedule.steps_per_epoch, schedule.steps) == (10, 1000)
    assert schedule.checkpoints == 5 and not schedule.extra_checkpoint
    assert schedule.epochs_for() == WANTED_STEPS // 10 == 2000


def test_a_partial_batch_counts_as_a_step() -> None:
    assert plan(201, 20, 1, eval_interval=200).steps_per_epoch == 11
    assert plan(3, 16, 1, eval_interval=200).steps_per_epoch == 1
    assert plan(201, 20, 1, eval_interval=200, accumulated=4).steps_per_epoch == 3


def test_the_last_step_is_saved_without_an_extra_epoch() -> None:
    schedule = plan(200, 20, 101, eval_interval=200)
    assert schedule.extra_checkpoint
    assert schedule.checkpoints == 6


def test_disk_space_covers_kept_checkpoints_and_the_one_being_written() -> None:
    assert plan(200, 20, 100, eval_interval=200, bytes_per_checkpoint=7).bytes_on_disk == 35
    assert plan(200, 20, 100, eval_interval=200, keep_ckpts=2, bytes_per_checkpoint=7).bytes_on_disk == 21
    assert plan(200, 20, 100, eval_interval=200, keep_ckpts=9, bytes_per_checkpoint=7).bytes_on_disk == 35
    assert plan(200, 20, 100, eval_interval=200).bytes_on_disk is None


def test_duration_is_steps_times_seconds_per_step() -> None:
    assert plan(200, 20, 100, eval_interval=200, seconds_per_step=0.5).seconds == 500


@pytest.mark.parametrize("clips", [1, 7, 20])
@pytest.mark.parametrize("epochs", [1, 2, 5])
@pytest.mark.parametrize("interval", [1, 3, 4, 5, 6, 13, 50])
def test_checkpoints_are_those_of_a_training_loop(clips: int, epochs: int, interval: int) -> None:
    """Counted step by step, like `training.loop`."""
    per_epoch = ceil(clips / 2)
    saved = [step for step in range(1, per_epoch * epochs + 1) if step % interval == 0 or step == per_epoch * epochs]
    by_step = plan(clips, 2, epochs, eval_interval=interval, by_step=True)
    by_epoch = plan(clips, 2, epochs, eval_interval=interval)
    assert by_step.checkpoints == by_epoch.checkpoints == by_step.checkpoints_kept == len(saved)
    assert by_epoch.checkpoints_kept == len({ceil(step / per_epoch) for step in saved})


@pytest.mark.parametrize("wrong", [(0, 20, 1), (200, 0, 1), (200, 20, 0)])
def test_zero_clips_batch_size_or_epochs_is_an_error(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="must be at least 1"):
        plan(*wrong, eval_interval=200)


@pytest.mark.parametrize("template", get_args(TemplateName))
def test_the_size_of_a_checkpoint_is_known_before_training(template: TemplateName) -> None:
    config = Config.template(template)
    with torch.device("cpu" if template.startswith("myna-") else "meta"):  # without memory, where the network allows it
        networks = training_family(config).create(config), DISCRIMINATORS[config.train.discriminators](config.data)
    generator, discriminators = (sum(one.numel() for one in network.parameters()) for network in networks)
    stored = 3 * (generator + discriminators) + (generator if config.train.average_decay else 0)
    assert checkpoint_bytes(config) == pytest.approx(4 * stored, rel=0.02)
