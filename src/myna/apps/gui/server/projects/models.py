"""Response models of the voices in training. Times are in seconds, pitch in Hz."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from myna.studio.schedule import Length
from myna.studio.steps import StepState
from myna.studio.take_report import Kind


class StepView(BaseModel):
    """State of a step."""

    state: StepState
    reason: str | None = Field(None, description="why it is in this state, in the language of the request")
    job: int | None = Field(None, description="number of its running job, or of its last one")


class StepsView(BaseModel):
    """The steps of a voice in training, in their order."""

    recordings: StepView
    prepare: StepView
    train: StepView
    compare: StepView
    pack: StepView


class ProjectRow(BaseModel):
    """Entry of a voice in training in the list."""

    name: str
    state: str = Field(description="empty, recorded, prepared or trained")
    steps: StepsView
    updated_at: str = Field(description="time of the latest change, ISO 8601")
    bytes: int


class RecordingView(BaseModel):
    """A recording with the outcome of its check."""

    file: str = Field(description="name by which other requests know it")
    title: str
    seconds: float | None
    kind: Kind | None
    state: Literal["checking", "good", "fair", "bad"]
    problems: list[str]
    url: str


class AmountView(BaseModel):
    """An amount of recordings, and the recommended amount."""

    title: str
    amount: float
    aim: float


class SummaryView(BaseModel):
    """Amount and pitch range of the recordings."""

    seconds: float
    amounts: dict[Literal["spoken", "sung", "seconds"], AmountView]
    missing: list[str] = Field(description="what is still missing for a good voice")
    pitch: dict[str, tuple[float, float]] = Field(description="lowest and highest pitch of each speaker, in Hz")


class PreparedView(BaseModel):
    """Outcome of the last preparation."""

    text: str
    training: int = Field(description="number of training clips")
    validation: int = Field(description="number of validation clips")
    left_out: list[str]
    notes: list[str]


class TemplateView(BaseModel):
    """A kind of voice that can be trained."""

    name: str
    title: str
    what: str
    chosen: bool
    available: bool = Field(description="false if the voice is already trained as another kind")


class PlanChoice(BaseModel):
    """A length of training."""

    kind: Length
    title: str
    minutes: float
    checkpoints: int
    disk_bytes: int | None


class PlanView(BaseModel):
    """The chosen length of training, and the other choices."""

    minutes: float | None
    kind: Literal["quick", "half_hour", "overnight", "custom"]
    choices: list[PlanChoice]
    disk_bytes: int | None = Field(description="space that the checkpoints of the chosen length take; null if unknown")
    free_bytes: int | None = Field(description="space that is free; only for a visitor on this computer")


class ScheduleView(BaseModel):
    """Steps and epochs of a training run without a time limit; for experts."""

    clips: int
    batch_size: int
    steps_per_epoch: int
    epochs: int
    steps: int
    checkpoints_kept: int
    seconds: float | None
    text: list[str]


class TrainingView(BaseModel):
    """A running or waiting training run of this studio."""

    job: int
    waits: bool
    stopping: bool
    text: str = Field(description='for example "4 of 30 minutes"')
    seconds: float = Field(description="time that it has trained")
    of_seconds: float | None = Field(description="time that it will take; null if unknown")
    fraction: float | None
    seconds_left: float | None = Field(description="null until it can be estimated")
    facts: dict[str, Any] = Field(description="device, clips, step, epoch and losses; for experts")


class ClipView(BaseModel):
    """A validation clip, which is converted with each checkpoint."""

    index: int
    title: str
    url: str = Field(description="the recording")


class CheckpointView(BaseModel):
    """A checkpoint of a voice in training."""

    number: int
    title: str
    made_at: str = Field(description="ISO 8601")
    bytes: int
    best: bool
    measures: dict[str, str] = Field(description="formatted values by title of the measure")
    sample_urls: list[str | None] = Field(description="one for each of the clips")
    voice: str = Field(description="name under which /convert knows the checkpoint")


class BestView(BaseModel):
    """The best checkpoint and the measure by which it is the best."""

    number: int
    measure: str
    text: str


class PhraseView(BaseModel):
    """A recording for the comparison of checkpoints; requests may give the id of an upload instead."""

    id: str
    title: str


class PackedView(BaseModel):
    """The voice that was packed last."""

    name: str
    number: int
    text: str


class ProjectView(BaseModel):
    """A voice in training, with all data of its page."""

    name: str
    folder: str | None = Field(description="only for a visitor on this computer")
    state: str
    unit: Literal["step", "epoch"] = Field(description="unit of the numbers of checkpoints")
    steps: StepsView
    advice: list[str] = Field(description="what to record, how long it takes, and how much disk it needs")
    recordings: list[RecordingView]
    summary: SummaryView
    prepared: PreparedView | None
    template: str | None
    templates: list[TemplateView]
    settings: dict[str, Any] = Field(description="values of the keys of the configuration that the page offers")
    schedule: ScheduleView | None
    plan: PlanView
    needs: list[Any] = Field(description="files that are not on this machine, as in /assets")
    training: TrainingView | None
    resume: str | None = Field(description="from where training continues")
    clips: list[ClipView]
    checkpoints: list[CheckpointView] = Field(description="newest first")
    best: BestView | None
    phrases: list[PhraseView]
    compared: bool
    packed: PackedView | None
    problem: str | None
    disk_bytes: int


class Added(BaseModel):
    """Outcome of adding recordings."""

    added: list[str]
    refused: list[str] = Field(description="names of the files that are not audio")
    text: str


class Curve(BaseModel):
    """A logged curve."""

    tag: str
    title: str
    main: bool = Field(description="false for curves for experts")
    points: list[tuple[int, float]] = Field(description="step and value")


class CurvesView(BaseModel):
    """Curves of a training run."""

    curves: list[Curve]
    help: str
    seconds_per_step: float | None


class MeasureRow(BaseModel):
    """Values of a measure for each checkpoint and for the recordings of the voice."""

    title: str
    values: list[str]
    best: list[bool]
    target: str


class ComparisonView(BaseModel):
    """Comparison of conversions of one recording with several checkpoints."""

    comparison: dict[str, Any] = Field(description="as in /results/{n}/comparison")
    numbers: list[int]
    rows: list[MeasureRow]
    notes: list[str] = Field(description="measures and files that are missing, with the reasons")
    outdated: bool


class Thrown(BaseModel):
    """An item that was moved to the trash."""

    trash_id: str
    bytes: int
