"""List of jobs with their state, progress, time left and errors."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from typing import Any

import gradio as gr

from myna.apps.gui.jobs import Job, JobState
from myna.apps.gui.texts import say

_SHOWN = 8


def panel(elem_id: str) -> gr.HTML:
    """Create the list. Set its value with `panel_value`. A job's stop button triggers `click` with the id as `job`."""
    script = (files("myna.apps.gui") / "panel.js").read_text("utf-8")
    return gr.HTML([], elem_id=elem_id, html_template="", js_on_load=script, apply_default_css=False)


def panel_value(jobs: Iterable[Job[Any]], request: gr.Request | None) -> list[dict[str, Any]]:
    """Return rows for the latest jobs, newest first, in the language of the request."""
    return [_row(job, request) for job in list(jobs)[-_SHOWN:][::-1]]


def duration(seconds: float) -> str:
    """Format a duration as m:ss or h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _row(job: Job[Any], request: gr.Request | None) -> dict[str, Any]:
    return {
        "id": job.id,
        "title": job.title,
        "state": str(job.state),
        "text": _state(job, request),
        "runs": job.state in (JobState.RUNNING, JobState.STOPPING),
        "fraction": job.fraction,
        "error": job.error,
        "stop": None if job.state.over else say(request, "job.end" if job.state is JobState.STOPPING else "job.cancel"),
    }


def _state(job: Job[Any], request: gr.Request | None) -> str:
    if job.state is JobState.RUNNING:
        percent = "" if job.fraction is None else f" {100 * job.fraction:.0f} %"
        left = "" if job.seconds_left is None else say(request, "job.left", time=duration(job.seconds_left))
        return f"{job.stage}{percent} {left}".strip() or say(request, "job.running")
    took = f" {duration(job.seconds)}" if job.state is JobState.DONE else ""
    return say(request, f"job.{job.state}") + took
