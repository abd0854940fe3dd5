"""Step 5: compare checkpoints by listening to conversions and by measuring them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from myna.apps.gui.player import player
from myna.apps.gui.studio import QUIET, Studio, shows_errors
from myna.apps.gui.tabs.voice.parts import Part, Scene, lines_html, outcome_html, section, view
from myna.apps.gui.tabs.voice.settings import Fields
from myna.apps.gui.tasks.learning import CompareCheckpoints
from myna.apps.gui.texts import label
from myna.apps.gui.widgets import option_widgets
from myna.assets import BUNDLED_VOICES
from myna.errors import ConfigError
from myna.evaluation.scores import MEASURES
from myna.options import EvaluateOptions, parse_options

_SONG = BUNDLED_VOICES / "song.flac"
_NO_WIDGET = ("whisper", "transpose")  # whisper is a folder on this computer; transpose is known from the conversion
_MEASURES = tuple(spec.name for spec in fields(EvaluateOptions) if spec.name not in _NO_WIDGET)
_FEWEST, _MOST = 2, 8  # limits of the number of checkpoints; the player has nine tracks, one for the phrase
_CLIP, _BUNDLED, _SENT = "clip", "bundled", "sent"


def build(studio: Studio, number: int, chosen: gr.Dropdown, shared: Fields) -> Part:
    with section(number, "step_compare") as heading:
        gr.Markdown(label("voice.compare_what"))
        saves = gr.CheckboxGroup([], label=label("voice.saves_to_compare"), elem_id="voice-saves")
        phrase = gr.Dropdown([], label=label("voice.phrase"), elem_id="voice-phrase")
        sent = gr.Audio(
            label=label("voice.phrase_file"),
            sources=["upload", "microphone"],
            type="filepath",
            visible=False,
            elem_id="voice-phrase-file",
        )
        measure = gr.Checkbox(value=True, label=label("voice.measure"), elem_id="voice-measure")
        with gr.Accordion(label("voice.measure_more"), open=False):
            options = option_widgets(EvaluateOptions, _MEASURES)
        compare = gr.Button(label("voice.compare"), variant="primary", elem_id="voice-compare")
        status = view("voice-comparing")
        # The player is not a view: if an update of it is skipped in a closed section, Gradio drops its properties.
        played = player(elem_id="voice-comparison")
        table = view("voice-measures", _CSS)

    latest = gr.State(None)  # identifies the displayed comparison

    @shows_errors
    def begin(
        voice: str | None,
        numbers: list[int],
        what: str | None,
        path: str | None,
        wanted: bool,
        request: gr.Request,
        *values: Any,
    ) -> str:
        scene = Scene.of(studio, voice, request)
        if not _FEWEST <= len(numbers) <= _MOST:
            raise ConfigError(scene.say("choose_saves", fewest=_FEWEST, most=_MOST))
        if scene.busy(CompareCheckpoints):
            raise ConfigError(scene.say("busy_compare_saves"))
        recording, name = _phrase(scene, what, path)
        task = CompareCheckpoints(
            folder=scene.project.folder,
            numbers=tuple(sorted(numbers)),
            phrase=recording,
            names=(name, *(save_name(scene, number) for number in sorted(numbers))),
            measure=parse_options(EvaluateOptions, dict(zip(options, values, strict=True))) if wanted else None,
        )
        scene.submit(task)
        return outcome_html(scene, CompareCheckpoints)

    @shows_errors
    def show_latest(voice: str | None, kept: str | None, request: gr.Request) -> tuple[Any, str]:
        """Show the latest comparison of the voice's checkpoints."""
        scene = Scene.of(studio, voice, request) if voice else None
        found = scene.project.comparison if scene is not None else None
        return (None, "") if scene is None or found is None else (found["comparison"], table_html(scene, found))

    def look(scene: Scene) -> list[Any]:
        there = [(save_name(scene, save.number), save.number) for save in scene.standing.checkpoints]
        kept = scene.project.comparison
        return [
            gr.update(choices=there),
            gr.update(choices=phrases(scene)),
            outcome_html(scene, CompareCheckpoints),
            None if kept is None else kept["comparison"]["tracks"][0]["path"],
        ]

    def show(scene: Scene) -> list[Any]:
        numbers = [save.number for save in scene.standing.checkpoints]
        given = phrases(scene)
        return [gr.update(value=numbers[-_FEWEST:]), gr.update(value=given[0][1])]

    begun = compare.click(begin, [chosen, saves, phrase, sent, measure, *options.values()], status, **QUIET)
    phrase.change(lambda what: gr.update(visible=what == _SENT), phrase, sent, **QUIET)
    gr.on(
        [latest.change, chosen.change],
        show_latest,
        [chosen, latest],
        [played, table],
        trigger_mode="always_last",
        **QUIET,
    )
    views, fields = [saves, phrase, status, latest], [saves, phrase]
    return Part(heading, lambda scene: "", views, look, fields, show, held=[latest], actions=[begun])


def save_name(scene: Scene, number: int) -> str:
    """Return the label of a checkpoint."""
    return scene.say(f"save_{scene.standing.unit}", number=number)


def phrases(scene: Scene) -> list[tuple[str, str]]:
    """Return the choices for the recording to convert: validation clips, the bundled song, or an upload."""
    clips = [(scene.say("phrase_clip", name=path.stem), f"{_CLIP}:{path.name}") for path in _validation_clips(scene)]
    return [*clips, (scene.say("phrase_bundled"), _BUNDLED), (scene.say("phrase_sent"), _SENT)]


def _validation_clips(scene: Scene) -> list[Path]:
    return scene.project.validation_clips()


def _phrase(scene: Scene, what: str | None, path: str | None) -> tuple[Path, str]:
    """Return the path and the label of the selected recording."""
    if what == _BUNDLED:
        return _SONG, scene.say("phrase_bundled")
    if what == _SENT:
        if not path:
            raise ConfigError(scene.say("no_phrase"))
        sent = scene.studio.uploaded(path)
        return sent, sent.name
    for clip in _validation_clips(scene):
        if what == f"{_CLIP}:{clip.name}":
            return clip, scene.say("recorded")
    raise ConfigError(scene.say("no_phrase"))


def table_html(scene: Scene, found: Mapping[str, Any]) -> str:
    """Render a table with one row per measure and one column per checkpoint; mark the best value in each row."""
    if not found["rows"]:
        return ""
    columns = [scene.say("measure_name"), *found["saves"], scene.say("measure_target")]
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = ""
    for title, *values, target in found["rows"]:
        best = _best(title, values)
        cells = "".join(f"<td{' class=best' if value == best else ''}>{escape(value)}</td>" for value in values)
        body += f'<tr><th scope="row">{escape(title)}</th>{cells}<td>{escape(target)}</td></tr>'
    reasons = [f"{what}: {why}" for what, why in found["not_measured"].items()] + found["failures"]
    more = lines_html(scene.say("not_measured"), reasons)
    table = f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    return f'{table}<p class="quiet">{escape(scene.say("measure_help"))}</p>{more}'


def _best(title: str, values: list[str]) -> str | None:
    """Return the best value in its displayed form; None if the measure is unknown or the values do not differ."""
    measure = next((one for one in MEASURES.values() if one.title == title), None)
    numbers = {float(value.split()[0]): value for value in values if value != "-"}
    if measure is None or len(numbers) < 2:
        return None
    return numbers[max(numbers) if measure.better == "higher" else min(numbers)]


_CSS = """
.wide { overflow-x: auto; }
table { min-width: 100%; border: 0; border-collapse: collapse; font-size: var(--text-sm);
  font-variant-numeric: tabular-nums; }
tr { border: 0 !important; }
th, td { padding: 0.3rem 0.6rem; text-align: right; border: 0; border-bottom: 1px solid var(--border-color-primary); }
th { font-weight: 500; white-space: nowrap; }
th:first-child { text-align: left; padding-left: 0; white-space: normal; }
.best { font-weight: 700; }
"""
