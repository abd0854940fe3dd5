"""Training loop of voices and refiners: steps, log, checkpoints and the end of a run."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Literal, Protocol

from lightning_fabric import Fabric
from torch.utils.data import DataLoader

from myna.config import Config
from myna.errors import BusyError, ConfigError, MynaError, TrainingError
from myna.options import RunOptions
from myna.signals import ENDING, leave_terminal_to_parent
from myna.storage.atomic import remove_left_overs
from myna.storage.lock import locked
from myna.training.batch_size import choose_batch_size
from myna.training.clip_list import Clip, locked_clips
from myna.training.dataset import Batch, ClipDataset, EpochBatches
from myna.training.launch import precision_of
from myna.training.log import Log
from myna.training.prepare.pool import n_cores
from myna.training.progress import Progress
from myna.training.step import StepResult, any_process
from myna.training.trainee import Trainee

MAX_SKIPPED = 10  # training stops after this number of skipped steps in a row
# Time in which a second Ctrl-C is ignored: in the studio's terminal, one Ctrl-C arrives twice, from the terminal and
# from the process of the page.
SAME_CTRL_C_SECONDS = 1.0


@dataclass(frozen=True)
class Plan:
    """Facts about a training run before its first step."""

    origin: str  # phrase that names the origin of the weights
    device: str  # PyTorch name, for example "cuda:0"
    precision: str
    n_processes: int
    n_clips: int
    minutes: float  # total length of the clips
    n_parameters: int  # parameters of the first network
    batch_size: int  # number of clips per batch and process
    steps_per_epoch: int
    first_step: int  # number of steps before this run
    last_step: int
    limit: Literal["epochs", "max_steps"]  # setting that determines `last_step`
    max_minutes: float | None  # time limit of this run


@dataclass(frozen=True)
class StepReport:
    """Facts about a finished step."""

    step: int  # counted from 1
    epoch: int  # counted from 1
    losses: Mapping[str, float]  # see `StepResult`
    gradient_norms: Mapping[str, float]
    learning_rate: float
    clips: list[Path]
    skipped: bool


@dataclass(frozen=True)
class TrainSummary:
    """Facts about a finished training run."""

    steps: int  # number of steps in this run
    step: int  # number of steps in all runs
    epoch: int
    skipped: int
    seconds: float
    path: Path | None  # the last checkpoint; None if no step was left to do
    complete: bool  # False if the run was interrupted or reached its time limit


class Listener(Protocol):
    """Receiver of progress reports during training."""

    def began(self, plan: Plan) -> None: ...

    def stepped(self, report: StepReport) -> None: ...

    def noted(self, text: str) -> None: ...

    def ended(self, summary: TrainSummary) -> None: ...


class Silent:
    """A `Listener` that does nothing."""

    def began(self, plan: Plan) -> None: ...

    def stepped(self, report: StepReport) -> None: ...

    def noted(self, text: str) -> None: ...

    def ended(self, summary: TrainSummary) -> None: ...


def run(
    trainee: Trainee,
    folder: Path,
    options: RunOptions,
    listener: Listener,
    clips: ClipDataset,
    validation: ClipDataset,
    *,
    origin: str,
    notes: Sequence[str] = (),
) -> TrainSummary:
    """Train until the last epoch ends, a limit in `options` is reached, or a signal arrives; then save a checkpoint.

    Args:
        trainee: what is trained; its state is that of the last checkpoint, or of a beginning.
        folder: folder of the checkpoints and the log.
        origin: phrase that names the origin of the weights.
        notes: lines for the user.

    Raises:
        TrainingError: too many consecutive steps were not finite; the last finite weights are saved.
    """
    # Prepare.
    fabric, state, train = trainee.fabric, trainee.state, trainee.config.train
    batches = plan_epochs(trainee, clips)
    plan = make_plan(trainee, clips, options, origin)
    listener.began(plan)
    for note in notes:
        listener.noted(note)

    path, skipped = None, 0
    started = saved = time.perf_counter()
    with ExitStack() as stack:
        sample_rate = trainee.config.data.sample_rate
        log = stack.enter_context(Log(folder, sample_rate, state.step)) if fabric.is_global_zero else None
        interrupted = stack.enter_context(stop_signals())
        for group in steps(trainee, clips, batches, plan.last_step):
            # Update the networks.
            learning_rate = trainee.set_learning_rate()
            result = trainee.update(group)
            state.advance()
            report = make_report(state, result, learning_rate, group)
            listener.stepped(report)

            # Log.
            if result.skipped:
                skipped += 1
                listener.noted(f"step {state.step} is not finite and was skipped: {names(report.clips)}")
            if log is not None and state.step % train.log_interval == 0:
                log_step(log, report, result)

            # Validate and save.
            failing = any_process(fabric, state.skipped_in_a_row >= MAX_SKIPPED)
            hurried = any_process(fabric, interrupted.is_set()) or failing
            stop = hurried or any_process(fabric, is_over(options.max_minutes, started))
            if options.save_minutes is not None:
                due = any_process(fabric, is_over(options.save_minutes, saved))
            else:
                due = state.step % train.eval_interval == 0
            if stop or due or state.step == plan.last_step:
                if log is not None:
                    if not hurried:
                        trainee.validate(validation, log)
                    if path is None:
                        trainee.describe()
                    path = trainee.save()
                    listener.noted(f"step {state.step}, epoch {state.epoch_number}: saved {path}")
                fabric.barrier()
                saved = time.perf_counter()
            if failing:
                raise TrainingError(
                    f"{MAX_SKIPPED} steps in a row were not finite, the last with {names(report.clips)}; listen to "
                    "these clips, lower train.learning_rate, or train without half precision"
                )
            if stop:
                break

    summary = TrainSummary(
        steps=state.step - plan.first_step,
        step=state.step,
        epoch=state.epoch_number,
        skipped=skipped,
        seconds=time.perf_counter() - started,
        path=path,
        complete=state.step >= plan.last_step,
    )
    listener.ended(summary)
    return summary


@contextmanager
def alone(fabric: Fabric, folder: Path, clips: list[Clip], config: Config) -> Iterator[None]:
    """During the `with` block, lock the model folder for this training run, and the clips against changes.

    Raises:
        BusyError: another process is using the folder or changing the clips. All processes of this run raise this
            error.
    """
    with ExitStack() as stack:
        busy: BusyError | None = None
        if fabric.is_global_zero:
            folder.mkdir(parents=True, exist_ok=True)
            try:
                stack.enter_context(locked(folder, "train in another folder with -m"))
                stack.enter_context(locked_clips(clips, config))
                remove_left_overs(folder)
            except BusyError as error:
                busy = error
        if any_process(fabric, busy is not None):
            raise busy or BusyError(f"{folder} or its clips are in use; see the error of the first process")
        yield


def is_over(minutes: float | None, since: float) -> bool:
    """Return True if more than `minutes` have passed since `since`, a time of `time.perf_counter`."""
    return minutes is not None and time.perf_counter() - since > 60 * minutes


def plan_epochs(trainee: Trainee, clips: ClipDataset) -> EpochBatches:
    """Choose the batch size, set the position in the current epoch, and return the batches."""
    train, fabric, state = trainee.config.train, trainee.fabric, trainee.state
    if not len(clips):
        raise ConfigError(f"{trainee.config.data.training_files} lists no clips; run svc pre-config again")
    batch_size = choose_batch_size(trainee, clips)
    batches = EpochBatches(len(clips), batch_size, train.seed, fabric.global_rank, fabric.world_size)
    steps_per_epoch = -(-batches.n_batches // train.accumulate_grad_batches)
    if (state.batch_size, state.steps_per_epoch) != (batch_size, steps_per_epoch):
        # Training has just begun, the clips or the batch size have changed since the checkpoint, or the checkpoint is
        # from another tool, which stores only the epoch.
        state.batch_size, state.steps_per_epoch, state.position = batch_size, steps_per_epoch, 0
        state.step = state.step or state.epoch * steps_per_epoch
    if state.scaler:
        fabric.strategy.precision.load_state_dict(state.scaler)
    return batches


def make_plan(trainee: Trainee, clips: ClipDataset, options: RunOptions, origin: str) -> Plan:
    config, fabric, state = trainee.config, trainee.fabric, trainee.state
    last_step = state.step + max(0, (config.train.epochs - state.epoch) * state.steps_per_epoch - state.position)
    limit: Literal["epochs", "max_steps"] = "epochs"
    if options.max_steps is not None and options.max_steps < last_step:
        last_step, limit = max(state.step, options.max_steps), "max_steps"
    n_frames = sum(clip.n_frames for clip in clips.clips)
    return Plan(
        origin=origin,
        device=str(fabric.device),
        precision=precision_of(fabric),
        n_processes=fabric.world_size,
        n_clips=len(clips),
        minutes=n_frames * config.data.hop_length / config.data.sample_rate / 60,
        n_parameters=sum(parameter.numel() for parameter in next(iter(trainee.modules.values())).parameters()),
        batch_size=state.batch_size,
        steps_per_epoch=state.steps_per_epoch,
        first_step=state.step,
        last_step=last_step,
        limit=limit,
        max_minutes=options.max_minutes,
    )


def steps(trainee: Trainee, clips: ClipDataset, batches: EpochBatches, last_step: int) -> Iterator[list[Batch]]:
    """Yield the batches of each step, starting at the position in the state; the caller advances the state."""
    train, state = trainee.config.train, trainee.state
    n_workers = min(train.num_workers, n_cores())
    loader = DataLoader(
        clips,
        batch_sampler=batches,
        collate_fn=trainee.collate,
        num_workers=n_workers,
        persistent_workers=n_workers > 0,
        worker_init_fn=_leave_signals_to_the_parent,
    )
    while state.step < last_step:
        batches.epoch, batches.first_batch = state.epoch, state.position * train.accumulate_grad_batches
        stream = _with_short_errors(iter(loader))
        while state.step < last_step and (group := list(islice(stream, train.accumulate_grad_batches))):
            yield group


def make_report(state: Progress, result: StepResult, learning_rate: float, group: list[Batch]) -> StepReport:
    """Return the report of the latest step of `state`."""
    return StepReport(
        step=state.step,
        epoch=state.epoch_number,
        losses=result.losses,
        gradient_norms=result.gradient_norms,
        learning_rate=learning_rate,
        clips=[path for batch in group for path in batch.paths],
        skipped=result.skipped,
    )


def log_step(log: Log, report: StepReport, result: StepResult) -> None:
    log.numbers({f"loss/{name}": value for name, value in report.losses.items()}, report.step)
    log.numbers({f"gradient_norm/{name}": value for name, value in report.gradient_norms.items()}, report.step)
    log.numbers({"learning_rate": report.learning_rate, "epoch": report.epoch}, report.step)
    if result.mels is not None:
        log.mel("segment/recording_mel", result.mels.recording, report.step)
        log.mel("segment/sung_mel", result.mels.generated, report.step)


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """Set a flag on Ctrl-C, SIGTERM or SIGHUP, so that the current step can finish.

    A second Ctrl-C raises `KeyboardInterrupt` at once.

    A terminal sends SIGHUP when it closes; if nohup started the program, this signal stays ignored.
    """
    flag = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield flag  # only the main thread can handle signals
        return

    interrupted_at: float | None = None

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted_at
        if number == signal.SIGINT:
            if interrupted_at is None:
                interrupted_at = time.monotonic()
            elif time.monotonic() - interrupted_at > SAME_CTRL_C_SECONDS:
                raise KeyboardInterrupt
        flag.set()

    before = {
        number: signal.signal(number, handle)
        for number in (signal.SIGINT, *ENDING)
        if number == signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def names(clips: list[Path]) -> str:
    return ", ".join(map(str, clips))


def _leave_signals_to_the_parent(worker: int) -> None:
    """Make a worker ignore signals that are sent to all processes.

    After the current step, the parent ends its workers with SIGTERM. Therefore, a worker ignores only the first
    SIGTERM, which may have been sent to all processes.
    """
    leave_terminal_to_parent()
    signal.signal(signal.SIGTERM, lambda number, frame: signal.signal(number, signal.SIG_DFL))


def _with_short_errors(stream: Iterator[Batch]) -> Iterator[Batch]:
    """Yield the batches; if a worker raises a `MynaError`, raise it without the worker's traceback in its message."""
    try:
        yield from stream
    except MynaError as error:
        line = str(error.args[0]).strip().splitlines()[-1]  # `str(error)` has no line breaks
        raise type(error)(line.removeprefix(f"{type(error).__module__}.{type(error).__qualname__}: ")) from error
