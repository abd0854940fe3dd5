"""Presets, which are conversion options saved under a name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import gradio as gr

from myna.apps.gui.question import asked, closed, question
from myna.apps.gui.studio import QUIET, Studio, shows_errors
from myna.apps.gui.texts import label, say
from myna.errors import ConfigError
from myna.options import ConversionOptions, parse_options
from myna.storage.atomic import replacing
from myna.studio.workspace import safe_name


def build(
    studio: Studio, widgets: Mapping[str, gr.components.Component], options_of: Callable[..., ConversionOptions]
) -> None:
    """Build the preset controls in the current Gradio block.

    `options_of` converts the values of `widgets` to options.
    """
    chosen = list(widgets.values())
    with gr.Accordion(label("convert.presets"), open=False):
        preset = gr.Dropdown(presets(studio), value=None, label=label("convert.preset"), elem_id="preset")
        with gr.Row():
            load = gr.Button(label("convert.load"), size="sm", elem_id="preset-load")
            remove = gr.Button(label("convert.remove"), size="sm", elem_id="preset-delete")
        sure = question("preset")
        name = gr.Textbox(label=label("convert.preset_name"), elem_id="preset-name")
        save = gr.Button(label("convert.save"), size="sm", elem_id="preset-save")

    @shows_errors
    def keep(called: str, *values: Any) -> Any:
        path = studio.workspace.presets / f"{safe_name(called)}.json"
        found = {key: value for key, value in asdict(options_of(values)).items() if key in widgets}
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(found, indent=2), encoding="utf-8")
        return gr.update(choices=presets(studio), value=path.stem)

    @shows_errors
    def apply(called: str | None) -> list[Any]:
        found = read(studio, called)
        checked = asdict(parse_options(ConversionOptions, {key: found[key] for key in widgets if key in found}))
        return [checked[key] for key in widgets]

    @shows_errors
    def ask(called: str | None, request: gr.Request) -> tuple[Any, ...]:
        there = called in presets(studio)
        return asked(say(request, "convert.sure_preset", name=called), called) if there else closed()

    @shows_errors
    def forget(called: str | None) -> tuple[Any, ...]:
        if called in presets(studio):
            (studio.workspace.presets / f"{called}.json").unlink()
        return gr.update(choices=presets(studio), value=None), *closed()

    save.click(keep, [name, *chosen], preset, **QUIET)
    load.click(apply, preset, chosen, **QUIET)
    remove.click(ask, preset, sure.outputs, **QUIET)
    preset.change(closed, None, sure.outputs, queue=False, **QUIET)
    sure.yes.click(forget, sure.about, [preset, *sure.outputs], **QUIET)


def presets(studio: Studio) -> list[str]:
    """Return the sorted names of the presets."""
    return sorted(path.stem for path in studio.workspace.presets.glob("*.json"))


def read(studio: Studio, name: str | None) -> dict[str, Any]:
    """Read a preset.

    Raises:
        ConfigError: there is no such preset, or its file is malformed.
    """
    if name not in presets(studio):
        raise ConfigError(f"no preset {name!r}")
    path = studio.workspace.presets / f"{name}.json"
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ConfigError(f"{path} is not a preset: {error}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{path} is not a preset")
    return found
