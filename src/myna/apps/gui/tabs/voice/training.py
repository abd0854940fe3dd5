"""Step 4: train the voice, and show training curves and audio samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

import gradio as gr

from myna.apps.actions.training_log import Curves
from myna.apps.gui.jobs import Job, JobState
from myna.apps.gui.panel import duration
from myna.apps.gui.player import player
from myna.apps.gui.studio import LEARN, LOOK, QUIET, Studio, shows_errors
from myna.apps.gui.tabs.voice import drawing
from myna.apps.gui.tabs.voice.drawing import Point, figures_html
from myna.apps.gui.tabs.voice.parts import Keyed, Part, Scene, facts_html, progress_html, section, view
from myna.apps.gui.tabs.voice.settings import Fields, check_template
from myna.apps.gui.tasks.learning import CompareSample, Prepare, ReadCurves, Train, TrainingResult
from myna.apps.gui.texts import label
from myna.layout import LOGS
from myna.options import TrainOptions
from myna.studio.project import Project

# Curves that are always visible; the others, which are for experts, are folded away.
_FIRST = ("validation/mel", "loss/mel")


@dataclass
class _Log:
    """Cached contents of a training log, and the job that reads it."""

    n_bytes: int = -1  # size of the log at the last read
    found: Curves | None = None
    reading: Job[Curves] | None = None

    def look(self, scene: Scene) -> None:
        """Store the result of a finished read, and start a new read if the size of the log has changed; never block."""
        if self.reading is not None and self.reading.state.over:
            self.found = self.reading.result or self.found
            self.reading = None
        if self.reading is None and self.n_bytes != scene.standing.log_bytes:
            self.n_bytes = scene.standing.log_bytes
            self.reading = scene.studio.jobs.submit(LOOK, ReadCurves(scene.project.folder), "curves")


def build(studio: Studio, number: int, chosen: gr.Dropdown, shared: Fields) -> Part:
    logs: dict[Project, _Log] = {}
    with section(number, "step_train") as heading:
        with gr.Row():
            start = gr.Button(label("voice.train"), variant="primary", elem_id="voice-train", min_width=140)
            stop = gr.Button(label("voice.stop"), elem_id="voice-stop", interactive=False, min_width=140)
        status = view("voice-training")
        curves = view("voice-curves", drawing.CSS)
        with gr.Column(visible=False) as listening:
            gr.Markdown(label("voice.samples"))
            which = gr.Radio([], label=label("voice.sample"), elem_id="voice-sample")
            played = player(elem_id="voice-sample-player")
    newest = gr.State(None)

    @shows_errors
    def begin(voice: str | None, request: gr.Request, *values: Any) -> str:
        scene = Scene.of(studio, voice, request)
        template, settings, options = shared.values(values)
        submit_training(scene, template, settings, options)
        return status_html(scene)

    @shows_errors
    def end(voice: str | None, request: gr.Request) -> str:
        scene = Scene.of(studio, voice, request)
        job = scene.busy(Train)
        if job is not None and job.state is not JobState.STOPPING:  # a second request kills the job before it saves
            studio.jobs.cancel(job)
        return status_html(scene)

    @shows_errors
    def listen(voice: str | None, step: int | None, index: int | None, request: gr.Request) -> Any:
        """Show the selected validation clip and its latest conversion in the player."""
        if step is None or index is None:
            return None
        scene = Scene.of(studio, voice, request)
        task = CompareSample(
            folder=scene.project.folder,
            index=index,
            into=studio.uploads / "samples" / scene.project.name,
            names=(scene.say("recorded"), scene.say("sung_at", step=step)),
        )
        return studio.jobs.call(LOOK, task)

    def look(scene: Scene) -> list[Any]:
        log = logs.setdefault(scene.project, _Log())
        log.look(scene)
        found, running = log.found or Curves(), scene.busy(Train)
        if found.seconds_per_step:
            shared.speeds[scene.project] = found.seconds_per_step
        clips = [(scene.say("sample_number", number=index + 1), index) for index in range(found.samples)]
        return [
            gr.update(value=scene.say("go_on" if scene.standing.checkpoints else "train"), interactive=running is None),
            gr.update(interactive=running is not None and running.state is not JobState.STOPPING),
            status_html(scene),
            Keyed(curves_html(scene, found.scalars), (scene.project, log.n_bytes, log.found is None)),
            gr.update(visible=bool(clips)),
            gr.update(choices=clips, value=0 if clips else None),
            found.sample_step,
        ]

    actions = [
        start.click(begin, [chosen, *shared.inputs], status, **QUIET),
        stop.click(end, chosen, status, **QUIET),
    ]
    gr.on(
        [newest.change, which.change, chosen.change],
        listen,
        [chosen, newest, which],
        played,
        trigger_mode="always_last",  # so that a checkpoint saved during a read is shown as well
        **QUIET,
    )
    return Part(
        heading,
        how_far,
        [start, stop, status, curves, listening, which, newest],
        look,
        held=[which, newest],
        actions=actions,
    )


def submit_training(
    scene: Scene, template: str | None, settings: Mapping[str, Any], options: TrainOptions
) -> Job[TrainingResult]:
    """Queue the training of a voice; see `Train`.

    Raises:
        ConfigError: the voice is not prepared, or was prepared with a template other than the chosen one; or a
            preparation or training of it is waiting or running.
    """
    scene.check_idle(Train, Prepare)
    check_template(scene, template)
    return scene.submit(Train(folder=scene.project.folder, settings=settings, options=options))


def how_far(scene: Scene) -> str:
    running = scene.busy(Train)
    if running is not None:
        step = running.facts.get("step")
        return scene.say("at_step", **step) if step else scene.say("begins")
    saves = scene.standing.checkpoints
    return scene.say(f"saved_{scene.standing.unit}", number=saves[-1].number) if saves else ""


def status_html(scene: Scene) -> str:
    """Render the progress or outcome of training, and the facts that it reported."""
    last, saves = scene.last(Train), scene.standing.checkpoints
    parts = []
    if last is not None and not last.state.over:
        parts.append(progress_html(scene, last))
        ahead = [job for job in scene.studio.jobs.all(LEARN) if not job.state.over and job.id < last.id]
        if last.state is JobState.WAITING and ahead:
            parts.append(f"<p>{escape(scene.say('waits', title=ahead[0].title))}</p>")
    elif last is not None and last.state is JobState.DONE:
        parts.append(f"<p>{escape(ended(scene, last.wait()))}</p>")
    elif last is not None and last.error:
        parts.append(f'<p class="problem">{escape(last.error)}</p>')
    facts = {}
    if last is not None and "plan" in last.facts:
        plan, step = last.facts["plan"], last.facts.get("step")
        facts[scene.say("fact_device")] = plan["device"]
        facts[scene.say("fact_clips")] = scene.say("fact_clips_value", **plan)
        if step is not None:
            facts[scene.say("fact_step")] = scene.say("fact_step_value", **{**plan, **step})
            facts[scene.say("fact_losses")] = ", ".join(
                f"{name.replace('_', ' ')} {value:.3g}" for name, value in step["losses"].items()
            )
    if saves:
        megabytes = sum(save.bytes for save in saves) / 1e6
        facts[scene.say("fact_saves")] = scene.say(
            "fact_saves_value", count=len(saves), megabytes=megabytes, folder=scene.project.folder / LOGS
        )
    parts.append(facts_html(facts))
    if not parts[-1] and not scene.standing.prepared:
        parts.append(f"<p>{escape(scene.say('prepare_first'))}</p>")
    return "".join(parts)


def ended(scene: Scene, result: TrainingResult) -> str:
    """Summarize a finished training run in one text."""
    values = asdict(result)
    if not result.steps:
        return scene.say("nothing_to_do", **values)
    key = "complete" if result.complete else "stopped"
    skipped = scene.say("skipped", **values) if result.skipped else ""
    return scene.say(key, **values, time=duration(result.seconds)) + skipped


def curves_html(scene: Scene, scalars: Mapping[str, Sequence[Point]]) -> str:
    """Render the logged curves: the two main ones visible, the others folded away."""
    first = {scene.say(f"curve.{tag}"): scalars[tag] for tag in _FIRST if scalars.get(tag)}
    others = {tag: points for tag, points in scalars.items() if tag not in (*_FIRST, "epoch") and points}
    if not first and not others:
        return ""
    explained = f'<p class="quiet">{escape(scene.say("curves_help"))}</p>' if first else ""
    more = f"<details><summary>{escape(scene.say('more_curves'))}</summary>{figures_html(others)}</details>"
    return figures_html(first) + explained + (more if others else "")
