"""Shared parts of the commands that train: progress on the terminal, and TensorBoard."""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from myna.apps.cli.job import Job, listed_job
from myna.apps.cli.report import echo
from myna.apps.cli.result import Result
from myna.layout import LOGS
from myna.progress import seconds_left

if TYPE_CHECKING:
    from myna.apps.actions.device import Device
    from myna.training.loop import Plan, StepReport, TrainSummary

tensorboard_flag = click.option(
    "-t/-nt",
    "--tensorboard/--no-tensorboard",
    default=False,
    show_default=True,
    help="Run TensorBoard at http://127.0.0.1:6006: losses, spectrograms and validation samples.",
)
_SHOWN_LOSSES = ("mel", "kl", "adversarial", "discriminator", "denoiser")  # beside the progress bar


class TrainingTerminal:
    """A `Listener` that reports the progress of training on the terminal."""

    # Only the first process of a training run has a result and an entry in the list of jobs.
    result: Result | None = None
    _job: Job

    def __init__(
        self,
        command: str,
        model_path: Path,
        tensorboard: bool,
        until_the_end: ExitStack,
        *,
        resume: str,
        use: str,
        subject: str = "voice",
    ) -> None:
        """
        Args:
            command: the command, for the list of jobs.
            model_path: folder of the checkpoints and the log.
            resume: command that resumes the training.
            use: command that uses the result.
            subject: word for the network in training.
        """
        self._bar: Any = None
        self._estimated = False
        self._command, self._resume, self._use, self._subject = command, resume, use, subject
        self._model_path = model_path
        self._tensorboard = tensorboard
        self._until_the_end = until_the_end

    def on(self, device: Device) -> TrainingTerminal:
        """Store the device for the report, and return this listener."""
        self._device = device
        return self

    def began(self, plan: Plan) -> None:
        processes = f", {plan.n_processes} processes" if plan.n_processes > 1 else ""
        echo(f"device: {self._device}{processes}, {plan.precision}", err=True)
        echo(f"{self._subject + ':':<7} {plan.n_parameters / 1e6:.1f} million parameters, {plan.origin}", err=True)
        echo(
            f"clips:  {plan.n_clips} ({plan.minutes:.1f} minutes), {plan.batch_size} per batch, "
            f"{plan.steps_per_epoch} steps per epoch, {plan.last_step - plan.first_step:,} steps to do",
            err=True,
        )
        if self._tensorboard:
            echo(f"log:    {_start_tensorboard(self._model_path)}", err=True)
        self._plan, self._started = plan, time.perf_counter()
        name = self._model_path.name if self._model_path != LOGS else Path.cwd().name
        self._job = self._until_the_end.enter_context(
            listed_job("train", f"{self._command} ({name})", [self._model_path])
        )
        from myna.apps.progress import Bar

        self._bar = Bar(total=plan.last_step, initial=plan.first_step, unit="step", dynamic_ncols=True)

    def stepped(self, report: StepReport) -> None:
        self._bar.set_description(f"epoch {report.epoch}", refresh=False)
        shown = {name: report.losses[name] for name in _SHOWN_LOSSES if name in report.losses}
        self._bar.set_postfix({name: f"{value:#.3g}" for name, value in shown.items()}, refresh=False)
        self._bar.update()
        self._job.report(f"epoch {report.epoch}", *self._spent(report.step))
        if not self._estimated:
            self._estimate(report.step)

    def _spent(self, step: int) -> tuple[int, int, float]:
        """Return the finished and the planned steps of this run, and its duration so far in seconds."""
        plan, seconds = self._plan, time.perf_counter() - self._started
        done, total = step - plan.first_step, plan.last_step - plan.first_step
        if plan.max_minutes is not None:
            total = min(total, round(60 * plan.max_minutes * done / seconds))
        return done, total, seconds

    def _estimate(self, step: int) -> None:
        """Print and log the remaining time, as soon as it can be estimated."""
        plan = self._plan
        done, total, seconds = self._spent(step)
        left = seconds_left(done, total, seconds)
        if left is not None and done < total:
            self._estimated = True
            self._bar.total = plan.first_step + total
            self.noted(f"about {_duration(left)} for the next {total - done:,} steps")

    def noted(self, text: str) -> None:
        with suppress(OSError):  # the terminal was closed
            self._bar.write(text, file=sys.stderr)
        self._job.note(text)

    def ended(self, summary: TrainSummary) -> None:
        self._bar.close()
        self.result = Result(summary, self._last_line(summary))

    def _last_line(self, summary: TrainSummary) -> str:
        if not summary.steps:
            limit = "train.epochs" if self._plan.limit == "epochs" else "--max-steps"
            return f"nothing to do: {summary.step:,} steps are done; raise {limit} to train longer"
        skipped = f", {summary.skipped} skipped" if summary.skipped else ""
        done = f"{summary.steps:,} steps in {_duration(summary.seconds)}{skipped}: {summary.path}"
        again = "" if summary.complete else f"resume: {self._resume}; "
        return f"{done}. {again}{'or ' if again else 'next: '}{self._use}"


def _start_tensorboard(folder: Path) -> str:
    """Start TensorBoard for this machine only and return its address."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from tensorboard import program

    server = program.TensorBoard()
    server.configure(argv=[None, "--logdir", str(folder), "--host", "127.0.0.1"])
    url: str = server.launch()
    return url


def _duration(seconds: float) -> str:
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{hours} h"
