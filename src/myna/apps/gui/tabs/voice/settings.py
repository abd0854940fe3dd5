"""Step 2: choose the template of the voice and the training settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import Any, get_args

import gradio as gr

from myna.apps.actions.device import Device
from myna.apps.gui.jobs import Job
from myna.apps.gui.panel import duration
from myna.apps.gui.studio import LOOK, QUIET, Studio
from myna.apps.gui.tabs.voice.parts import Part, Scene, section, view
from myna.apps.gui.tasks.learning import NameDevice
from myna.apps.gui.texts import label, say
from myna.apps.gui.widgets import key_values, key_widgets, option_widgets
from myna.config import DEFAULT_TEMPLATE, Config, TemplateName, TrainConfig
from myna.errors import ConfigError
from myna.keys import page_keys
from myna.options import TrainOptions, parse_options
from myna.studio.project import Project, ProjectStatus
from myna.studio.schedule import WANTED_STEPS, Schedule, plan

_ON_CPU: TemplateName = "myna-lite"  # designed for CPUs
_FIRST = ("max_minutes",)
_LATER = ("max_steps", "from_scratch", "reset_optimizer")
_AUTO_BATCH = 8  # batch size that `batch_size: auto` results in without a GPU


@dataclass
class Fields:
    """Widgets of this step that other steps read, set when the step is built; and the measured training speeds."""

    template: Any = None
    settings: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    speeds: dict[Project, float] = field(default_factory=dict)  # measured seconds per step

    @property
    def inputs(self) -> list[Any]:
        return [self.template, *self.settings.values(), *self.options.values()]

    def values(self, given: tuple[Any, ...]) -> tuple[str | None, dict[str, Any], TrainOptions]:
        """Convert the values of `inputs` to the template, the keys of `train` and the options.

        Raises:
            ConfigError: a value is out of range.
        """
        template, *rest = given
        settings = key_values(TrainConfig, dict(zip(self.settings, rest, strict=False)))
        options = parse_options(TrainOptions, dict(zip(self.options, rest[len(self.settings) :], strict=True)))
        return template or None, settings, options


def build(studio: Studio, number: int, chosen: gr.Dropdown, shared: Fields) -> Part:
    with section(number, "step_settings") as heading:
        template = gr.Dropdown(
            [*get_args(TemplateName)], label=label("voice.template"), elem_id="voice-template", value=_ON_CPU
        )
        about = view("voice-template-about")
        with gr.Row():
            shared.settings = key_widgets(TrainConfig, min_width=150)
        first = option_widgets(TrainOptions, _FIRST)
        arithmetic = view("voice-arithmetic")
        with gr.Accordion(label("voice.more"), open=False):
            later = option_widgets(TrainOptions, _LATER)
    shared.template, shared.options = template, {**first, **later}
    numbers = list(shared.settings.values())
    devices: list[Job[Device]] = []  # empty, or the one job that determines this computer's device

    def default_template() -> TemplateName:
        """Return the default template if a GPU was found; otherwise, or until this is known, that of light voices."""
        if not devices:
            devices.append(studio.jobs.submit(LOOK, NameDevice(), "device"))
        found = devices[0].result
        return DEFAULT_TEMPLATE if found is not None and found.name != "cpu" else _ON_CPU

    def show(scene: Scene) -> list[Any]:
        config = scene.standing.config
        name = config.kind if config is not None else default_template()
        numbers = start_values(config or Config.template(name or _ON_CPU))
        return [gr.update(value=name), explain(name, scene.request), *numbers, *[gr.update(value=None)] * len(_FIRST)]

    def choose(name: str | None, voice: str | None, request: gr.Request) -> list[Any]:
        """Set the number widgets from the voice's configuration if its template is `name`, else from the template."""
        config = Scene.of(studio, voice, request).standing.config
        if config is not None and config.kind == name:
            return start_values(config)
        if name is None or name not in get_args(TemplateName):
            return [gr.skip()] * len(numbers)
        return start_values(Config.template(name))

    def explain(name: str | None, request: gr.Request | None) -> str:
        key = f"voice.about.{name}" if name in get_args(TemplateName) else "voice.about.own"
        return f'<p class="quiet">{escape(say(request, key))}</p>'

    def count(voice: str | None, request: gr.Request, *values: Any) -> str:
        scene = Scene.of(studio, voice, request)
        try:
            return arithmetic_html(scene, shared.values(values), shared.speeds.get(scene.project))
        except ConfigError as error:  # of a value that is still being typed, too
            return f'<p class="problem">{escape(str(error))}</p>'

    template.input(choose, [template, chosen], numbers, **QUIET)
    template.input(explain, template, about, **QUIET)
    gr.on(
        [one.change for one in (template, *numbers, *first.values())],
        count,
        [chosen, *shared.inputs],
        arithmetic,
        trigger_mode="always_last",
        **QUIET,
    )

    def how_far(scene: Scene) -> str:
        config = scene.standing.config
        return (config.kind or scene.say("own")) if config is not None else ""

    return Part(heading, how_far, fields=[template, about, *numbers, *first.values()], show=show)


def start_values(config: Config) -> list[Any]:
    """Return updates that set the number widgets to the values of `config`; values like "auto" give empty widgets."""
    values = [getattr(config.train, key.attribute) for key in page_keys(TrainConfig).values()]
    return [gr.update(value=None if isinstance(value, str) else value) for value in values]


def schedule_of(
    standing: ProjectStatus, config: Config, settings: dict[str, Any], seconds_per_step: float | None
) -> Schedule | None:
    """Compute the training schedule that follows from the settings; None if there are no clips or settings are missing.

    Until clips exist, each recording counts as one clip.
    """
    clips = standing.n_listed or len(standing.recordings)
    if not clips or any(settings.get(key) is None for key in ("epochs", "eval_interval")):
        return None
    train = config.train
    batch = settings.get("batch_size", "auto")
    return plan(
        clips,
        min(_AUTO_BATCH, clips) if batch == "auto" else batch,
        settings["epochs"],
        eval_interval=settings["eval_interval"],
        keep_ckpts=train.keep_ckpts,
        by_step=train.ckpt_name_by_step,
        accumulated=train.accumulate_grad_batches,
        bytes_per_checkpoint=standing.checkpoints[-1].bytes if standing.checkpoints else None,
        seconds_per_step=seconds_per_step,
    )


def arithmetic_html(
    scene: Scene, values: tuple[str | None, dict[str, Any], TrainOptions], seconds_per_step: float | None
) -> str:
    """Render the numbers of steps and epochs and the duration of training as HTML."""
    template, settings, options = values
    config = scene.standing.config
    if template is not None and (config is None or config.kind != template):
        config = Config.template(template)
    if config is None:
        return ""
    schedule = schedule_of(scene.standing, config, settings, seconds_per_step)
    if schedule is None:
        return f'<p class="quiet">{escape(scene.say("no_arithmetic"))}</p>'
    lines = [
        scene.say(
            "steps" if scene.standing.n_listed else "steps_guessed",
            clips=schedule.clips,
            batch=schedule.batch_size,
            each=schedule.steps_per_epoch,
            epochs=schedule.epochs,
            steps=schedule.steps,
        ),
        scene.say("saves", every=settings["eval_interval"], kept=schedule.checkpoints_kept)
        + (scene.say("disk", megabytes=schedule.bytes_on_disk / 1e6) if schedule.bytes_on_disk else ""),
    ]
    if config.train.base_weights != _ON_CPU:
        lines.append(scene.say("wanted", wanted=WANTED_STEPS, epochs=schedule.epochs_for()))
    if schedule.seconds is not None:
        lines.append(scene.say("takes", time=duration(schedule.seconds)))
    if options.max_minutes is not None:
        lines.append(scene.say("limited", minutes=options.max_minutes))
    return "".join(f'<p class="quiet">{escape(line)}</p>' for line in lines)


def check_template(scene: Scene, template: str | None) -> Config:
    """Return the configuration that training would use.

    Raises:
        ConfigError: the voice is not prepared, or was prepared with a template other than the chosen one.
    """
    config = scene.standing.config
    if config is None or not scene.standing.prepared:
        raise ConfigError(scene.say("prepare_first"))
    if template is not None and config.kind not in (template, None):
        raise ConfigError(scene.say("prepare_again", template=template))
    return config
