"""Tasks of the page "Train": check recordings, prepare, train, read curves, compare checkpoints, and pack."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from myna.apps.actions.compare import CheckpointComparison, compare_checkpoints
from myna.apps.actions.device import Device, choose_device
from myna.apps.actions.pack import CardText, UnusableIndexError, pack
from myna.apps.actions.prepare import Prepared, prepare
from myna.apps.actions.recordings import check_recordings, check_take
from myna.apps.actions.train import train_project
from myna.apps.actions.training_log import Curves, compare_sample, read_curves, read_sample
from myna.apps.actions.voice_files import VoiceFiles
from myna.apps.gui.jobs import Report
from myna.errors import ConfigError
from myna.layout import LOGS
from myna.options import EvaluateOptions, TrainOptions
from myna.studio.project import Project, RecordName
from myna.studio.take_report import Kind, TakeReport

if TYPE_CHECKING:
    from myna.evaluation.report.comparison import Comparison
    from myna.training.loop import Plan, StepReport, TrainSummary

Result = TypeVar("Result")

_CHECK_SECONDS = 3.0  # time limit of a `CheckRecordings`, so that other tasks in its lane can run in between
_FACT_SECONDS = 0.5  # minimum time between two reports of the losses


@dataclass(frozen=True, kw_only=True)
class ProjectTask(Generic[Result]):
    """A task that works on the project of a voice in training."""

    folder: Path  # folder of the project

    def run(self, report: Report) -> Result:
        raise NotImplementedError


@dataclass(frozen=True)
class NameDevice:
    """Find the device for training, and the reason for choosing it."""

    def run(self, report: Report) -> Device:
        return choose_device()


@dataclass(frozen=True)
class CheckRecordings:
    """Check new and changed recordings for a few seconds; the result is the number of those left unchecked."""

    folder: Path

    def run(self, report: Report) -> int:
        return check_recordings(self.folder, _CHECK_SECONDS)


@dataclass(frozen=True)
class CheckTake:
    """Check a take that was just recorded."""

    path: Path
    kind: Kind

    def run(self, report: Report) -> TakeReport:
        return check_take(self.path, self.kind)


@dataclass(frozen=True, kw_only=True)
class Prepare(ProjectTask[Prepared]):
    """Create the clips, the configuration and the features from the recordings."""

    template: str | None  # None keeps the voice's own configuration
    settings: Mapping[str, Any]  # keys of `train` in the configuration

    def run(self, report: Report) -> Prepared:
        device = choose_device()
        report.note(f"device: {device}")
        return prepare(self.folder, self.template, self.settings, device, report)


@dataclass(frozen=True)
class TrainingResult:
    """Outcome of a training run."""

    steps: int  # number of steps in this run
    step: int  # number of steps in all runs
    skipped: int
    seconds: float
    complete: bool  # False if the run was interrupted or reached its time limit
    path: Path | None  # path of the last checkpoint; None if no step was left to do


@dataclass(frozen=True, kw_only=True)
class Train(ProjectTask[TrainingResult]):
    """Train the voice, from its last checkpoint if there is one. On SIGINT, save a checkpoint and stop."""

    settings: Mapping[str, Any]  # keys of `train` in the configuration
    options: TrainOptions

    def run(self, report: Report) -> TrainingResult:
        done = train_project(self.folder, self.settings, self.options, lambda device: _Reporter(report, device))
        return TrainingResult(done.steps, done.step, done.skipped, done.seconds, done.complete, done.path)


class _Reporter:
    """A `Listener` that reports progress, notes, and the facts "plan" and "step" to the page."""

    def __init__(self, report: Report, device: Device) -> None:
        self._report = report
        self._device = device

    def began(self, plan: Plan) -> None:
        self._plan, self._started, self._last_fact = plan, time.perf_counter(), 0.0
        self._report.fact("plan", {**asdict(plan), "device": f"{self._device}, {plan.precision}"})

    def stepped(self, report: StepReport) -> None:
        now, plan = time.perf_counter(), self._plan
        done, total, seconds = report.step - plan.first_step, plan.last_step - plan.first_step, now - self._started
        minutes = plan.max_minutes
        limited = minutes is not None and seconds * total / done > 60 * minutes  # the time limit ends the run first
        if minutes is not None and limited:
            self._report.at("training", seconds, 60 * minutes, seconds)
        else:
            self._report.at("training", done, total, seconds)
        if now - self._last_fact > _FACT_SECONDS or report.step == plan.last_step:
            self._last_fact = now
            losses = {name: float(value) for name, value in report.losses.items()}
            self._report.fact("step", {"step": report.step, "epoch": report.epoch, "losses": losses})
            of_seconds = 60 * minutes if minutes is not None and limited else None
            self._report.fact("time", {"seconds": seconds, "of_seconds": of_seconds})

    def noted(self, text: str) -> None:
        self._report.note(text)

    def ended(self, summary: TrainSummary) -> None: ...


@dataclass(frozen=True)
class ReadCurves:
    """Read the training curves of a project."""

    folder: Path

    def run(self, report: Report) -> Curves:
        return read_curves(self.folder)


@dataclass(frozen=True, kw_only=True)
class ReadSample:
    """Read a validation clip from the log of a project, as a WAV file."""

    folder: Path
    index: int  # index of the clip
    step: int | None  # step at which it was converted; None for the recording

    def run(self, report: Report) -> bytes:
        return read_sample(self.folder, self.index, self.step)


@dataclass(frozen=True, kw_only=True)
class CompareSample:
    """Prepare a validation clip and its latest conversion for comparison in the player."""

    folder: Path
    index: int  # index of the clip
    into: Path  # folder for the two audio files
    names: tuple[str, str]  # titles of the recording and of the conversion

    def run(self, report: Report) -> Comparison:
        return compare_sample(self.folder, self.index, self.into, self.names)


@dataclass(frozen=True, kw_only=True)
class CompareCheckpoints(ProjectTask[CheckpointComparison]):
    """Convert one phrase with several checkpoints, and measure the results."""

    numbers: tuple[int, ...]  # numbers of the checkpoints
    phrase: Path
    names: tuple[str, ...]  # title of the phrase, then the title of each checkpoint
    measure: EvaluateOptions | None  # options of the measures; None measures nothing

    def run(self, report: Report) -> CheckpointComparison:
        device = choose_device()
        return compare_checkpoints(self.folder, self.numbers, self.phrase, self.names, self.measure, device, report)


@dataclass(frozen=True, kw_only=True)
class PackCheckpoint(ProjectTask[str]):
    """Pack a checkpoint into a new folder of the library; the result is the path of the file."""

    number: int | None  # number of the checkpoint; None for the newest
    into: Path
    half: bool
    release: bool
    card: CardText

    def run(self, report: Report) -> str:
        checkpoint = VoiceFiles(Project(self.folder).checkpoint(self.number).path)
        self.into.parent.mkdir(parents=True, exist_ok=True)
        try:
            pack(checkpoint, self.into, half=self.half, release=self.release, card=self.card)
        except UnusableIndexError as error:
            self._remove_folder()
            raise ConfigError(f"{error}; remove it from {self.folder / LOGS}") from error
        except BaseException:  # also KeyboardInterrupt
            self._remove_folder()
            raise
        project = Project(self.folder)
        facts = {"path": str(self.into), "number": project.checkpoint(self.number).number}
        project.remember(RecordName.PACKED, facts)
        return str(self.into)

    def _remove_folder(self) -> None:
        with suppress(OSError):  # the folder may not be empty
            self.into.parent.rmdir()
