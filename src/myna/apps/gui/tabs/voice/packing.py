"""Step 6: pack the voice into one file and add it to the library."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from myna.apps.actions.pack import CardText
from myna.apps.gui.jobs import JobState
from myna.apps.gui.studio import QUIET, Studio, shows_errors
from myna.apps.gui.tabs.voice.comparing import save_name
from myna.apps.gui.tabs.voice.parts import Part, Scene, outcome_html, section, view
from myna.apps.gui.tabs.voice.settings import Fields
from myna.apps.gui.tasks.learning import PackCheckpoint
from myna.apps.gui.texts import label
from myna.errors import ConfigError
from myna.studio.workspace import safe_name, unused

_WORDS = ("licence", "author", "cover")


def build(studio: Studio, number: int, chosen: gr.Dropdown, shared: Fields) -> Part:
    with section(number, "step_pack") as heading:
        gr.Markdown(label("voice.pack_what"))
        with gr.Row():
            save = gr.Dropdown([], label=label("voice.pack_save"), elem_id="voice-pack-save", min_width=200)
            name = gr.Textbox(label=label("voice.pack_name"), elem_id="voice-pack-name", max_lines=1, min_width=200)
        with gr.Row():
            licence, author = (
                gr.Textbox(
                    label=label(f"voice.{word}"),
                    info=label(f"voice.{word}.help"),
                    elem_id=f"voice-{word}",
                    max_lines=1,
                    min_width=200,
                )
                for word in _WORDS[:2]
            )
        cover = gr.Textbox(label=label("voice.cover"), info=label("voice.cover.help"), lines=2, elem_id="voice-cover")
        with gr.Row():
            half = gr.Checkbox(label=label("voice.half"), info=label("voice.half.help"), elem_id="voice-half")
            release = gr.Checkbox(
                label=label("voice.release"), info=label("voice.release.help"), elem_id="voice-release"
            )
        pack = gr.Button(label("voice.pack"), variant="primary", elem_id="voice-pack")
        done = view("voice-packed")

    @shows_errors
    def begin(
        voice: str | None,
        number: int | None,
        called: str,
        half: bool,
        release: bool,
        request: gr.Request,
        *words: str,
    ) -> str:
        scene = Scene.of(studio, voice, request)
        if not scene.standing.checkpoints:
            raise ConfigError(scene.say("train_first"))
        if scene.busy(PackCheckpoint):
            raise ConfigError(scene.say("busy_pack"))
        path = packed_path(scene, called)
        task = PackCheckpoint(
            folder=scene.project.folder,
            number=number,
            into=path,
            half=half,
            release=release,
            card=CardText(**{word: text.strip() for word, text in zip(_WORDS, words, strict=True)}),
        )
        scene.submit(task)
        return done_html(scene)

    def look(scene: Scene) -> list[Any]:
        saves = [(save_name(scene, one.number), one.number) for one in reversed(scene.standing.checkpoints)]
        return [gr.update(choices=saves), done_html(scene)]

    def show(scene: Scene) -> list[Any]:
        saves = scene.standing.checkpoints
        free = unused(studio.workspace.voices / scene.project.name).name
        return [gr.update(value=saves[-1].number if saves else None), gr.update(value=free)]

    begun = pack.click(begin, [chosen, save, name, half, release, licence, author, cover], done, **QUIET)
    return Part(heading, lambda scene: "", [save, done], look, [save, name], show, actions=[begun])


def packed_path(scene: Scene, called: str) -> Path:
    """Return the path for a packed voice named `called`.

    Raises:
        ConfigError: the name is invalid or already in use.
    """
    name = safe_name(called)
    folder = scene.studio.workspace.voices / name
    if folder.exists():
        raise ConfigError(scene.say("pack_taken", name=name))
    return folder / f"{name}.safetensors"


def done_html(scene: Scene) -> str:
    """Render the progress, the error or the result of packing as HTML."""
    if outcome := outcome_html(scene, PackCheckpoint):
        return outcome
    last = scene.last(PackCheckpoint)
    if last is not None and last.state is JobState.DONE and Path(last.wait()).is_file():
        path = Path(last.wait())
        text = scene.say("packed", name=path.stem, megabytes=path.stat().st_size / 1e6, path=path)
        return f'<p class="done">{escape(text)}</p>'
    return "" if scene.standing.checkpoints else f"<p>{escape(scene.say('train_first'))}</p>"
