"""What the steps of the tab share: a step is a section with a heading that tells how far it is."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from html import escape
from typing import Any, NamedTuple

import gradio as gr

from myna.apps.gui.jobs import Job, JobState
from myna.apps.gui.panel import panel_value
from myna.apps.gui.studio import LEARN, Studio
from myna.apps.gui.texts import label, say
from myna.studio import project as projects
from myna.studio.project import Project, ProjectStatus, State

TASKS = "myna.apps.gui.tasks.learning"
# What views have in common.
CSS = """
p { margin: 0 0 0.25rem; overflow-wrap: anywhere; }
.problem, .bad { color: var(--error-text-color, #b91c1c); }
.quiet, .fair { color: var(--body-text-color-subdued); font-size: var(--text-sm); }
ul { margin: 0.2rem 0 0.4rem; padding-left: 1.2rem; font-size: var(--text-sm); overflow-wrap: anywhere; }
summary { cursor: pointer; font-size: var(--text-sm); }
.going { margin-bottom: 0.5rem; }
.going span { font-size: var(--text-sm); font-variant-numeric: tabular-nums; }
.track { height: 0.5rem; border-radius: 1rem; overflow: hidden; background: var(--border-color-primary); }
.track div { height: 100%; border-radius: 1rem; background: var(--color-accent); }
"""


@dataclass(frozen=True)
class Scene:
    """A voice in training at one moment, and who looks at it."""

    studio: Studio
    project: Project
    standing: ProjectStatus
    request: gr.Request | None

    @classmethod
    def of(cls, studio: Studio, name: str | None, request: gr.Request | None) -> Scene:
        """
        Raises:
            ConfigError: there is no such voice.
        """
        project = projects.find(studio.workspace, name)
        return cls(studio, project, project.status(), request)

    def say(self, key: str, **values: Any) -> str:
        return say(self.request, f"voice.{key}", **values)

    def jobs(self, task: str | None = None) -> list[Job]:
        """The work on this voice, the oldest first."""
        return [
            job
            for job in self.studio.jobs.all(LEARN)
            if job.arguments.get("folder") == self.project.folder and task in (None, job.task.partition(":")[2])
        ]

    def busy(self, task: str) -> Job | None:
        """The job of that task that waits or runs."""
        return next((job for job in self.jobs(task) if not job.state.over), None)

    def last(self, task: str) -> Job | None:
        return next(reversed(self.jobs(task)), None)

    def submit(self, task: str, **arguments: Any) -> Job:
        """Queue a task of `tasks.learning` on this voice."""
        title = f"{self.project.name}: {self.say(f'job_{task}')}"
        return self.studio.jobs.submit(LEARN, f"{TASKS}:{task}", title, folder=self.project.folder, **arguments)


class Keyed(NamedTuple):
    """A view that is sent anew only when its key is another."""

    value: Any
    key: Hashable


@dataclass
class Part:
    """A step."""

    heading: gr.Accordion
    how_far: Callable[[Scene], str]
    # What follows from the voice, looked at again and again.
    views: list[Any] = field(default_factory=list)
    look: Callable[[Scene], list[Any]] = lambda scene: []
    # What a person fills in: set when a voice is chosen, and when the part says so.
    fields: list[Any] = field(default_factory=list)
    show: Callable[[Scene], list[Any]] = lambda scene: []
    actions: list[Any] = field(default_factory=list)  # events after which all is looked at anew


def view(elem_id: str, css: str = "", **options: Any) -> gr.HTML:
    """Where HTML of ours is shown; it takes no room while there is nothing to show."""
    return gr.HTML(elem_id=elem_id, elem_classes="flush", css_template=CSS + css, **options)


def section(number: int, key: str) -> gr.Accordion:
    """The section of a step, closed."""
    return gr.Accordion(label(f"voice.{key}"), open=False, elem_id=f"voice-step-{number}")


def heading(number: int, key: str, scene: Scene, far: str) -> str:
    """What stands over a step."""
    return f"{number}. {scene.say(key)}" + (f" ({far})" if far else "")


def next_step(state: State) -> int:
    """The step that a person takes next."""
    return {State.EMPTY: 1, State.RECORDED: 3, State.PREPARED: 4, State.TRAINED: 4}[state]


def progress_html(scene: Scene, job: Job) -> str:
    """How far work is; the button that stops it is in the list above the steps."""
    (row,) = panel_value([job], scene.request)
    percent = "" if row["fraction"] is None else f"{100 * row['fraction']:.1f}"
    bar = f'<div class="track"><div style="width: {percent or 0}%"></div></div>'
    return (
        f'<div class="going" role="progressbar" aria-label="{escape(job.title)}" aria-valuenow="{percent}">'
        f"<span>{escape(row['text'])}</span>{bar}</div>"
    )


def outcome_html(scene: Scene, task: str) -> str:
    """How far the work of that task is, or why it failed; nothing where it is neither."""
    running, last = scene.busy(task), scene.last(task)
    if running is not None:
        return progress_html(scene, running)
    if last is not None and last.state is JobState.FAILED:
        return f'<p class="problem">{escape(last.error or "")}</p>'
    return ""


def facts_html(facts: dict[str, str]) -> str:
    """Names and values, one below the other."""
    lines = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items() if value)
    return f'<dl class="card">{lines}</dl>' if lines else ""


def lines_html(title: str, lines: list[str]) -> str:
    """A title and lines below it, folded where there are many."""
    if not lines:
        return ""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    open_ = " open" if len(lines) <= 5 else ""
    return f"<details{open_}><summary>{escape(title)} ({len(lines)})</summary><ul>{items}</ul></details>"
