"""Step 3: prepare clips, configuration and features from the recordings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from html import escape
from typing import Any

import gradio as gr

from myna.apps.actions.prepare import Prepared
from myna.apps.gui.jobs import Job, JobState
from myna.apps.gui.studio import QUIET, Studio, shows_errors
from myna.apps.gui.tabs.voice.parts import Part, Scene, lines_html, progress_html, section, view
from myna.apps.gui.tabs.voice.settings import Fields
from myna.apps.gui.tasks.learning import Prepare, Train
from myna.apps.gui.texts import label
from myna.errors import ConfigError


def build(studio: Studio, number: int, chosen: gr.Dropdown, shared: Fields) -> Part:
    with section(number, "step_prepare") as heading:
        gr.Markdown(label("voice.prepare_what"))
        prepare = gr.Button(label("voice.prepare"), variant="primary", elem_id="voice-prepare")
        done = view("voice-prepared")

    @shows_errors
    def start(voice: str | None, request: gr.Request, *values: Any) -> str:
        scene = Scene.of(studio, voice, request)
        template, settings, _ = shared.values(values)
        submit_preparation(scene, template, settings)
        return prepared_html(scene)

    begun = prepare.click(start, [chosen, *shared.inputs], done, **QUIET)
    return Part(heading, how_far, [done], lambda scene: [prepared_html(scene)], actions=[begun])


def submit_preparation(scene: Scene, template: str | None, settings: Mapping[str, Any]) -> Job[Prepared]:
    """Queue the preparation of a voice; see `Prepare`.

    Raises:
        ConfigError: the voice has no recordings, or a preparation or training of it is waiting or running.
    """
    if not scene.standing.recordings:
        raise ConfigError(scene.say("record_first"))
    scene.check_idle(Prepare, Train)
    return scene.submit(Prepare(folder=scene.project.folder, template=template, settings=settings))


def how_far(scene: Scene) -> str:
    standing = scene.standing
    if not standing.prepared:
        return ""
    return scene.say("changed" if standing.changed else "prepared", clips=standing.n_clips)


def prepared_html(scene: Scene) -> str:
    """Render the progress or the result of the preparation, with the reason for each file that was left out."""
    running, last = scene.busy(Prepare), scene.last(Prepare)
    parts = []
    if running is not None:
        return progress_html(scene, running)
    if scene.standing.prepared and scene.standing.changed:
        parts.append(f"<p>{escape(scene.say('prepare_changed'))}</p>")
    if last is not None and last.state is JobState.FAILED:
        parts.append(f'<p class="problem">{escape(last.error or "")}</p>')
    if last is not None and last.state is JobState.DONE:
        found = last.wait()
        parts.append(f"<p>{escape(scene.say('prepared_of', **asdict(found)))}</p>")
        for speaker, (low_hz, high_hz) in found.pitch.items():
            text = scene.say("prepared_pitch", speaker=speaker, low_hz=low_hz, high_hz=high_hz)
            parts.append(f"<p>{escape(text)}</p>")
        parts.append(lines_html(scene.say("left_out"), found.left_out))
        parts.append(lines_html(scene.say("notes"), found.notes))
    elif scene.standing.prepared and not scene.standing.changed:
        parts.append(f"<p>{escape(scene.say('prepared_files', clips=scene.standing.n_listed))}</p>")
    return "".join(parts)
