"""Tab for training a voice, from recordings to a packed file. It has one section per step."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from myna.apps.gui.panel import panel, panel_value
from myna.apps.gui.player import PLAYING_LAST, playing
from myna.apps.gui.studio import LEARN, QUIET, Studio, shows_errors
from myna.apps.gui.tabs.voice import comparing, packing, preparing, recordings, settings, training
from myna.apps.gui.tabs.voice.parts import Keyed, Scene, heading, next_step, view
from myna.apps.gui.texts import label, say
from myna.studio import project as projects

# The steps in order: the text key of each title, and the builder of the section.
STEPS = {
    "step_recordings": recordings.build,
    "step_settings": settings.build,
    "step_prepare": preparing.build,
    "step_train": training.build,
    "step_compare": comparing.build,
    "step_pack": packing.build,
}
_TICK_SECONDS = 2.0


def build(studio: Studio) -> None:
    """Build the tab in the current Gradio block."""
    with gr.Row(equal_height=True):
        with gr.Column(scale=3, min_width=280):
            chosen = gr.Dropdown([], label=label("voice.chosen"), elem_id="voice-chosen")
        with gr.Column(scale=2, min_width=200):
            name = gr.Textbox(label=label("voice.name"), elem_id="voice-name", max_lines=1)
        with gr.Column(scale=1, min_width=120):
            create = gr.Button(label("voice.create"), elem_id="voice-create")
    about = view("voice-about")
    jobs = panel("voice-jobs")
    with gr.Column(visible=False) as steps:
        shared = settings.Fields()
        parts = [make(studio, number, chosen, shared) for number, make in enumerate(STEPS.values(), 1)]
    headings = [part.heading for part in parts]
    views = [about, jobs, steps, *headings, *(one for part in parts for one in part.views)]
    fields = [one for part in parts for one in part.fields]
    held = [index for index, one in enumerate(views) if any(one is view for part in parts for view in part.held)]

    def look(scene: Scene | None, request: gr.Request) -> list[Any]:
        """Return the values of `views` for the current state of files and jobs."""
        listed = panel_value([job for job in studio.jobs.all(LEARN) if not job.state.over], request)
        if scene is None:
            empty = say(request, "voice.begin")
            return [f"<p>{escape(empty)}</p>", listed, gr.update(visible=False), *[gr.skip()] * (len(views) - 3)]
        titles = [
            gr.update(label=heading(number, key, scene, part.how_far(scene)))
            for number, (key, part) in enumerate(zip(STEPS, parts, strict=True), 1)
        ]
        seen = [value for part in parts for value in part.look(scene)]
        return [_about(scene), listed, gr.update(visible=True), *titles, *seen]

    def scene_of(voice: str | None, request: gr.Request) -> Scene | None:
        known = {project.name for project in projects.projects(studio.workspace)}
        return Scene.of(studio, voice, request) if voice in known else None

    def tick(voice: str | None, seen: list[Any], plays: bool, request: gr.Request) -> list[Any]:
        """Send the views that have changed since the last update of this page."""
        now = look(scene_of(voice, request), request)
        changes, keys = _changes(now, seen), [_key(value) for value in now]
        if plays and len(seen) == len(now):
            for index in held:
                changes[index], keys[index] = gr.skip(), seen[index]
        return [*changes, keys]

    def show(voice: str | None, request: gr.Request) -> list[Any]:
        """Send all views and fields of the selected voice."""
        scene = scene_of(voice, request)
        now = look(scene, request)
        keys = [_key(value) for value in now]
        if scene is None:
            return [*_changes(now, []), keys, *[gr.skip()] * len(fields)]
        here = next_step(scene.standing.state)
        first = len(views) - len([one for part in parts for one in part.views]) - len(headings)
        for number in range(1, len(headings) + 1):
            now[first + number - 1] = {**now[first + number - 1], "open": number == here}
        return [*_changes(now, []), keys, *(value for part in parts for value in part.show(scene))]

    def choices(voice: str | None) -> Any:
        """Refresh the list of voices; keep the selected voice if it still exists, otherwise select the latest one."""
        names = [project.name for project in projects.projects(studio.workspace)]
        latest = projects.latest(studio.workspace)
        return gr.update(choices=names, value=voice if voice in names else latest.name if latest else None)

    @shows_errors
    def begin(text: str) -> tuple[Any, str]:
        made = projects.create(studio.workspace, text)
        names = [project.name for project in projects.projects(studio.workspace)]
        return gr.update(choices=names, value=made.name), ""

    @shows_errors
    def cancel(event: gr.EventData) -> None:
        job = studio.jobs.get(event.job)
        if job is not None and job.lane == LEARN:
            studio.jobs.cancel(job)

    seen = gr.State([])
    everything = [*views, seen, *fields]
    gr.on([create.click, name.submit], begin, name, [chosen, name], **QUIET).success(show, chosen, everything, **QUIET)
    chosen.input(show, chosen, everything, **QUIET)
    # These go through the queue, because without it Gradio 6.31 does not trigger the change of a state.
    refresh: dict[str, Any] = {
        **{"fn": tick, "inputs": [chosen, seen, playing()], "outputs": [*views, seen]},
        **{"js": PLAYING_LAST, "concurrency_limit": None, **QUIET},
    }
    jobs.click(cancel, None, None, **QUIET).then(**refresh)
    for action in (one for part in parts for one in part.actions):
        action.then(**refresh)
    gr.Timer(_TICK_SECONDS).tick(**refresh)
    page: Any = gr.context.Context.root_block
    page.load(choices, chosen, chosen, **QUIET).then(show, chosen, everything, **QUIET)


def _about(scene: Scene) -> str:
    text = escape(scene.say("about", folder=scene.project.folder))
    problem = scene.standing.problem
    return f'<p class="quiet">{text}</p>' + (f'<p class="problem">{escape(problem)}</p>' if problem else "")


def _key(value: Any) -> Any:
    return value.key if isinstance(value, Keyed) else value


def _changes(now: list[Any], seen: list[Any]) -> list[Any]:
    """Return the values to send; a value that the page already has is skipped."""
    known = len(now) == len(seen)
    return [
        gr.skip() if known and _key(value) == seen[index] else value.value if isinstance(value, Keyed) else value
        for index, value in enumerate(now)
    ]
