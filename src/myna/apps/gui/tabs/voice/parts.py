"""Parts that all steps of the tab share. Each step is a section whose heading shows the step's progress."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from html import escape
from typing import Any, NamedTuple, TypeVar

import gradio as gr

from myna.apps.gui.jobs import Job, JobState
from myna.apps.gui.panel import panel_value
from myna.apps.gui.studio import LEARN, Studio
from myna.apps.gui.tasks.learning import ProjectTask
from myna.apps.gui.texts import label, say
from myna.errors import ConfigError
from myna.studio import project as projects
from myna.studio.project import Project, ProjectStatus, State

Result = TypeVar("Result")

# CSS of all views.
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
    """Snapshot of a voice in training, and the request of the page for which it is rendered."""

    studio: Studio
    project: Project
    standing: ProjectStatus
    request: gr.Request | None

    @classmethod
    def of(cls, studio: Studio, name: str | None, request: gr.Request | None) -> Scene:
        """Take a snapshot of the voice `name`.

        Raises:
            ConfigError: there is no such voice.
        """
        project = projects.find(studio.workspace, name)
        return cls(studio, project, project.status(), request)

    def say(self, key: str, **values: Any) -> str:
        """Return the text `voice.<key>` in the language of the request."""
        return say(self.request, f"voice.{key}", **values)

    def jobs(self, kind: type[ProjectTask[Result]]) -> list[Job[Result]]:
        """Return this voice's jobs with tasks of the class `kind`, oldest first."""
        return [
            job
            for job in self.studio.jobs.all(LEARN)
            if isinstance(job.task, kind) and job.task.folder == self.project.folder
        ]

    def busy(self, kind: type[ProjectTask[Result]]) -> Job[Result] | None:
        """Return this voice's waiting or running job with a task of the class `kind`; None if there is none."""
        return next((job for job in self.jobs(kind) if not job.state.over), None)

    def check_idle(self, *kinds: type[ProjectTask[Any]]) -> None:
        """Raise `ConfigError` if this voice has a waiting or running job with a task of one of the classes `kinds`."""
        for kind in kinds:
            if self.busy(kind):
                raise ConfigError(self.say(f"busy_{kind.key}"))

    def last(self, kind: type[ProjectTask[Result]]) -> Job[Result] | None:
        """Return this voice's latest job with a task of the class `kind`; None if there is none."""
        return next(reversed(self.jobs(kind)), None)

    def submit(self, task: ProjectTask[Result]) -> Job[Result]:
        """Queue a task for this voice."""
        return self.studio.jobs.submit(LEARN, task, f"{self.project.name}: {self.say(f'job_{task.key}')}")


class Keyed(NamedTuple):
    """Value of a view that is sent to the page again only if `key` has changed."""

    value: Any
    key: Hashable


@dataclass
class Part:
    """Widgets of one step, and the functions that update them."""

    heading: gr.Accordion
    how_far: Callable[[Scene], str]
    # Outputs that depend on the voice; `look` refreshes them on each tick.
    views: list[Any] = field(default_factory=list)
    look: Callable[[Scene], list[Any]] = lambda scene: []
    # Inputs that the user fills in; `show` sets them when a voice is selected.
    fields: list[Any] = field(default_factory=list)
    show: Callable[[Scene], list[Any]] = lambda scene: []
    # Those views that replace what a player shows; they wait while one plays.
    held: list[Any] = field(default_factory=list)
    actions: list[Any] = field(default_factory=list)  # events after which the page is refreshed


def view(elem_id: str, css: str = "", **options: Any) -> gr.HTML:
    """Create a component for HTML output that takes no space while empty."""
    return gr.HTML(elem_id=elem_id, elem_classes="flush", css_template=CSS + css, **options)


def section(number: int, key: str) -> gr.Accordion:
    """Create the section of a step, initially closed."""
    return gr.Accordion(label(f"voice.{key}"), open=False, elem_id=f"voice-step-{number}")


def heading(number: int, key: str, scene: Scene, far: str) -> str:
    """Return the heading of a step, which includes its progress `far`."""
    return f"{number}. {scene.say(key)}" + (f" ({far})" if far else "")


def next_step(state: State) -> int:
    """Return the number of the step that the user should do next."""
    return {State.EMPTY: 1, State.RECORDED: 3, State.PREPARED: 4, State.TRAINED: 4}[state]


def progress_html(scene: Scene, job: Job[Any]) -> str:
    """Render the progress bar of a job. Its stop button is in the list above the steps."""
    (row,) = panel_value([job], scene.request)
    percent = "" if row["fraction"] is None else f"{100 * row['fraction']:.1f}"
    bar = f'<div class="track"><div style="width: {percent or 0}%"></div></div>'
    return (
        f'<div class="going" role="progressbar" aria-label="{escape(job.title)}" aria-valuenow="{percent}">'
        f"<span>{escape(row['text'])}</span>{bar}</div>"
    )


def outcome_html(scene: Scene, kind: type[ProjectTask[Any]]) -> str:
    """Render the progress of the current job or, if there is none and the last job failed, its error.

    In all other cases, return an empty string.

    Args:
        kind: class of the jobs' tasks.
    """
    running, last = scene.busy(kind), scene.last(kind)
    if running is not None:
        return progress_html(scene, running)
    if last is not None and last.state is JobState.FAILED:
        return f'<p class="problem">{escape(last.error or "")}</p>'
    return ""


def facts_html(facts: dict[str, str]) -> str:
    """Render a list of names and values without the empty values."""
    lines = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items() if value)
    return f'<dl class="card">{lines}</dl>' if lines else ""


def lines_html(title: str, lines: list[str]) -> str:
    """Render a title and a foldable list of lines, which is initially open if it has at most five lines."""
    if not lines:
        return ""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    open_ = " open" if len(lines) <= 5 else ""
    return f"<details{open_}><summary>{escape(title)} ({len(lines)})</summary><ul>{items}</ul></details>"
