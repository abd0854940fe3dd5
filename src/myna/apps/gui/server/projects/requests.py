"""Jobs for a voice in training: prepare, train, compare checkpoints, and pack a checkpoint."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import Field

from myna.apps.actions.pack import CardText
from myna.apps.gui.server.projects.activity import KINDS, active_job, check_free
from myna.apps.gui.server.requests import LEARN, Body, Planned, Request, plans
from myna.apps.gui.server.wording import Wording
from myna.apps.gui.tasks.learning import CompareCheckpoints, PackCheckpoint, Prepare, Train
from myna.assets import BUNDLED_SONG
from myna.config import DEFAULT_TEMPLATE, Config, TemplateName
from myna.errors import BusyError, ConfigError
from myna.options import EvaluateOptions, TrainOptions, parse_options
from myna.studio import project as projects
from myna.studio.project import Project, ProjectStatus, RecordName
from myna.studio.schedule import TimedRun
from myna.studio.steps import FEWEST_COMPARED, MOST_COMPARED, Step
from myna.studio.workspace import safe_name, unused

if TYPE_CHECKING:
    from pathlib import Path

    from myna.apps.gui.server.context import Studio

TEXTS = "server.train."  # prefix of the texts about voices in training
BUNDLED, CLIP = "bundled", "clip:"  # ids of phrases; any other id belongs to an upload
ON_CPU: TemplateName = "myna-lite"  # template for training on a CPU
_ENDLESS_EPOCHS = 10_000  # more epochs than a run with a time limit reaches
# Options that name files or devices of the studio's computer.
_NOT_FOR_VISITORS = ("pretrained_dir", "devices", "num_nodes")


class ProjectRequest(Request):
    """Parameters of a job that works on a voice in training."""

    project: str
    language: str = Field("en", description="language of the names that the job writes into files")

    @property
    def say(self) -> Wording:
        return Wording(self.language, TEXTS)


class PrepareOptions(Body):
    template: TemplateName | None = Field(
        None, description="kind of voice; null keeps that of the voice, and for a new one takes that of GET /project"
    )
    settings: dict[str, Any] = Field({}, description="values of keys of `train` in the configuration")


class PrepareRequest(ProjectRequest, PrepareOptions): ...


class TrainChoices(Body):
    minutes: float | None = Field(None, gt=0, description="duration; null is limited only by the settings")
    settings: dict[str, Any] = Field({}, description="values of keys of `train` in the configuration")
    options: dict[str, Any] = Field({}, description="options of `svc train`")


class TrainRequest(ProjectRequest, TrainChoices): ...


class CompareOptions(Body):
    numbers: list[int]
    phrase: str = Field(BUNDLED, description='"bundled", the id of a phrase of the project, or the id of an upload')
    measure: bool | dict[str, Any] = Field(False, description="true, or options of `svc evaluate`")


class CompareRequest(ProjectRequest, CompareOptions): ...


class PackOptions(Body):
    number: int | None = Field(None, description="checkpoint; null for the newest")
    name: str | None = Field(None, description="name of the new voice; null takes that of the project")
    half: bool = False
    release: bool = False
    licence: str = ""
    author: str = ""
    cover: str = ""


class PackRequest(ProjectRequest, PackOptions): ...


@plans(KINDS[Step.PREPARE], changes=("projects",))
def plan_prepare(studio: Studio, request: PrepareRequest) -> Planned:
    """Plan the preparation of a voice.

    Raises:
        ConfigError: the voice or the template does not exist, the voice has no recordings, or a value is not allowed.
        BusyError: the voice is already being prepared or trained.
    """
    project = projects.find(studio.workspace, request.project)
    status = project.status()
    if not status.recordings:
        raise ConfigError(request.say("record_first"))
    _check_idle(studio, project, request.say, Step.PREPARE, Step.TRAIN)
    template = request.template
    if template is None and not project.config.exists():
        template = default_template(studio)
    base = status.config if template is None else Config.template(template)
    if base is None:
        raise ConfigError(status.problem or f"{project.config} cannot be read")
    _checked_settings(base, request.settings)
    task = Prepare(folder=project.folder, template=template, settings=request.settings)
    return _planned(task, project)


@plans(KINDS[Step.TRAIN], changes=("projects", "voices"))
def plan_train(studio: Studio, request: TrainRequest) -> Planned:
    """Plan the training of a voice, from its last checkpoint if there is one.

    Raises:
        ConfigError: the voice does not exist or is not prepared, or a value is not allowed.
        BusyError: the voice is already being prepared or trained.
    """
    project = projects.find(studio.workspace, request.project)
    status = project.status()
    if status.config is None or not status.prepared:
        raise ConfigError(status.problem or request.say("prepare_first"))
    _check_idle(studio, project, request.say, Step.TRAIN, Step.PREPARE)
    refused = [name for name in _NOT_FOR_VISITORS if request.options.get(name) is not None]
    if refused:
        raise ConfigError(f"{', '.join(refused)}: only svc train in a terminal has these options")
    settings, options = dict(request.settings), dict(request.options)
    if request.minutes is not None:
        run = TimedRun.of(request.minutes)
        options |= {"max_minutes": run.minutes, "save_minutes": run.save_minutes}
        settings = {**timed_settings(status.config, run), **settings}
    _checked_settings(status.config, settings)
    task = Train(folder=project.folder, settings=settings, options=parse_options(TrainOptions, options))
    project.remember(RecordName.PLAN, {"minutes": request.minutes})
    return replace(_planned(task, project), complete=lambda result: result.complete)


def default_template(studio: Studio) -> TemplateName:
    """Return the default template for the studio's device; while the device is unknown, the template for CPUs."""
    device = studio.device
    return DEFAULT_TEMPLATE if device is not None and device.name != "cpu" else ON_CPU


def timed_settings(config: Config, run: TimedRun) -> dict[str, Any]:
    """Return settings that limit a run only by time, and keep all of its checkpoints."""
    found: dict[str, Any] = {"epochs": max(config.train.epochs, _ENDLESS_EPOCHS)}
    if config.train.keep_ckpts:
        found["keep_ckpts"] = max(config.train.keep_ckpts, run.checkpoints)
    return found


@plans(KINDS[Step.COMPARE], changes=("projects",))
def plan_compare(studio: Studio, request: CompareRequest) -> Planned:
    """Plan the conversion of one recording with several checkpoints.

    Raises:
        ConfigError: there is no such voice, checkpoint or recording, or the number of checkpoints is not allowed.
        BusyError: another comparison of the voice is waiting or running.
    """
    project = projects.find(studio.workspace, request.project)
    status = project.status()
    numbers = tuple(sorted(set(request.numbers)))
    if not FEWEST_COMPARED <= len(numbers) <= MOST_COMPARED:
        raise ConfigError(request.say("choose_checkpoints", fewest=FEWEST_COMPARED, most=MOST_COMPARED))
    for number in numbers:
        project.checkpoint(number)
    _check_idle(studio, project, request.say, Step.COMPARE)
    phrase, name = _phrase(studio, project, request)
    measure = request.measure if isinstance(request.measure, dict) else {}
    if "whisper" in measure:
        raise ConfigError("whisper: only svc evaluate in a terminal has this option")
    task = CompareCheckpoints(
        folder=project.folder,
        numbers=numbers,
        phrase=phrase,
        names=(name, *(checkpoint_title(request.say, status, number) for number in numbers)),
        measure=parse_options(EvaluateOptions, measure) if request.measure is not False else None,
    )
    return _planned(task, project)


@plans(KINDS[Step.PACK], changes=("projects", "voices"))
def plan_pack(studio: Studio, request: PackRequest) -> Planned:
    """Plan to pack a checkpoint into a new voice of the library.

    Raises:
        ConfigError: there is no such voice or checkpoint, or the name is taken or cannot be used.
        BusyError: the voice is being packed.
    """
    project = projects.find(studio.workspace, request.project)
    if not project.checkpoints():
        raise ConfigError(request.say("train_first"))
    number = project.checkpoint(request.number).number
    _check_idle(studio, project, request.say, Step.PACK)
    voices = studio.workspace.voices
    name = safe_name(request.name) if request.name is not None else unused(voices / project.name).name
    if (voices / name).exists():
        raise ConfigError(request.say("name_taken", name=name))
    task = PackCheckpoint(
        folder=project.folder,
        number=number,
        into=voices / name / f"{name}.safetensors",
        half=request.half,
        release=request.release,
        card=CardText(licence=request.licence.strip(), author=request.author.strip(), cover=request.cover.strip()),
    )
    return _planned(task, project, voice=name)


def checkpoint_title(say: Wording, status: ProjectStatus, number: int) -> str:
    """Return the display name of a checkpoint, for example "Step 250"."""
    return say(f"checkpoint_{status.unit}", number=number)


def _planned(task: Any, project: Project, **about: str) -> Planned:
    found = {"project": project.name}
    return Planned(LEARN, task, project.name, about=found, finish=(lambda result: about) if about else None)


def _check_idle(studio: Studio, project: Project, say: Wording, *steps: Step) -> None:
    """Raise `BusyError` if one of `steps` is running or waiting for a project, here or in another process."""
    jobs = studio.all_jobs()
    for step in steps:
        job = active_job(project, jobs, step)
        if job is not None:
            if "cancel" not in job.can:  # a job of another process, which `check_free` names if it has begun
                check_free(project)
            raise BusyError(f"{project.name}: {say(f'busy_{step}')}")
    if Step.TRAIN in steps:
        check_free(project)


def _checked_settings(config: Config, settings: dict[str, Any]) -> None:
    """Raise `ConfigError` if a setting is not a key of `train`, or its value is not allowed."""
    if "base_weights" in settings:
        raise ConfigError("base_weights: choose a template instead")
    config.with_values(train=settings)


def _phrase(studio: Studio, project: Project, request: CompareRequest) -> tuple[Path, str]:
    """Return the path and the title of the recording to convert.

    Raises:
        ConfigError: the recording does not exist.
    """
    if request.phrase == BUNDLED:
        return BUNDLED_SONG, request.say("phrase_bundled")
    if not request.phrase.startswith(CLIP):
        upload = studio.uploads.find(request.phrase)
        return upload.path, upload.name
    for clip in project.validation_clips():
        if request.phrase == f"{CLIP}{clip.name}":
            return clip, request.say("recorded")
    raise ConfigError(request.say("no_phrase"))
