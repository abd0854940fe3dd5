"""The arithmetic of a training, as the article does it and as our training does it."""

from __future__ import annotations

from math import ceil

import pytest

from myna.studio.schedule import WANTED_STEPS, plan


def test_the_articles_example() -> None:
    schedule = plan(200, 20, 100, eval_interval=200)
    assert (schedule.steps_per_epoch, schedule.steps) == (10, 1000)
    assert schedule.saves == 5 and not schedule.last_save_extra
    assert schedule.epochs_for() == WANTED_STEPS // 10 == 2000


def test_a_batch_that_is_not_full_is_a_step() -> None:
    assert plan(201, 20, 1, eval_interval=200).steps_per_epoch == 11
    assert plan(3, 16, 1, eval_interval=200).steps_per_epoch == 1
    assert plan(201, 20, 1, eval_interval=200, accumulated=4).steps_per_epoch == 3


def test_the_last_step_is_saved_without_another_epoch() -> None:
    schedule = plan(200, 20, 101, eval_interval=200)
    assert schedule.last_save_extra
    assert schedule.saves == 6


def test_disk_holds_what_is_kept_and_the_save_in_the_making() -> None:
    assert plan(200, 20, 100, eval_interval=200, bytes_per_save=7).bytes_on_disk == 35
    assert plan(200, 20, 100, eval_interval=200, keep_ckpts=2, bytes_per_save=7).bytes_on_disk == 21
    assert plan(200, 20, 100, eval_interval=200, keep_ckpts=9, bytes_per_save=7).bytes_on_disk == 35
    assert plan(200, 20, 100, eval_interval=200).bytes_on_disk is None


def test_time() -> None:
    assert plan(200, 20, 100, eval_interval=200, seconds_per_step=0.5).seconds == 500


@pytest.mark.parametrize("clips", [1, 7, 20])
@pytest.mark.parametrize("epochs", [1, 2, 5])
@pytest.mark.parametrize("interval", [1, 3, 4, 5, 6, 13, 50])
def test_saves_are_those_that_a_loop_makes(clips: int, epochs: int, interval: int) -> None:
    """Counted the slow way: through every step, as `training.train` does."""
    per_epoch = ceil(clips / 2)
    saved = [step for step in range(1, per_epoch * epochs + 1) if step % interval == 0 or step == per_epoch * epochs]
    by_step = plan(clips, 2, epochs, eval_interval=interval, by_step=True)
    by_epoch = plan(clips, 2, epochs, eval_interval=interval)
    assert by_step.saves == by_epoch.saves == by_step.saves_kept == len(saved)
    assert by_epoch.saves_kept == len({ceil(step / per_epoch) for step in saved})


@pytest.mark.parametrize("wrong", [(0, 20, 1), (200, 0, 1), (200, 20, 0)])
def test_nothing_to_do_is_an_error(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="begin at 1"):
        plan(*wrong, eval_interval=200)
