"""Recording section of step 1: the user records one take of each sentence and melody."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import gradio as gr

from myna.apps.gui.booth import Prompt, booth, checked, melody_prompt, read_take, refused, sentence_prompt, shown
from myna.apps.gui.studio import LOOK, QUIET, Studio, shows_errors
from myna.apps.gui.tabs.voice.parts import Scene
from myna.apps.gui.tasks.learning import CheckTake
from myna.apps.gui.texts import label, language_of, texts
from myna.errors import MynaError
from myna.studio.project import ProjectStatus
from myna.studio.prompts import HINTS, TITLES, VOICES, VoiceName, melodies, root_for, sentences
from myna.studio.take_report import PROBLEMS, Kind

_NUMBER = re.compile(r"(\d+) ")  # a take's name begins with the number of its prompt
_DEFAULT_RANGE: VoiceName = "alto"


def build(studio: Studio, chosen: gr.Dropdown) -> None:
    """Build the recording booth in the current Gradio block; takes are added to the voice selected in `chosen`."""
    with gr.Accordion(label("voice.record"), open=False, elem_id="voice-record"):
        with gr.Row():
            kind = gr.Radio(
                [(label(f"voice.record_{kind}"), kind) for kind in get_args(Kind)],
                value="spoken",
                label=label("voice.record_kind"),
                elem_id="voice-record-kind",
                min_width=200,
            )
            voice_range = gr.Dropdown(
                [(label(f"voice.range_{name}"), name) for name in VOICES],
                value=_DEFAULT_RANGE,
                label=label("voice.range"),
                info=label("voice.range.help"),
                visible=False,
                elem_id="voice-range",
                min_width=200,
            )
        stage = booth(elem_id="voice-booth", part="booth")

    @shows_errors
    def check(event: gr.EventData, request: gr.Request) -> Any:
        """Check a take and show its problems."""
        take = read_take(event, studio.uploads)
        try:
            report = studio.jobs.call(LOOK, CheckTake(take.path, take.kind))
        except MynaError as error:
            return refused(take, str(error))
        known = texts(language_of(request))
        return checked(take, report, {key: known[f"problem.{key}"] for key in PROBLEMS})

    @shows_errors
    def keep(voice: str | None, ranged: VoiceName, event: gr.EventData, request: gr.Request) -> Any:
        """Add a take to the recordings and show the next prompt that has no take."""
        scene, take = Scene.of(studio, voice, request), read_take(event, studio.uploads)
        number = take.number if take.number is not None else 1
        text = prompt_of(take.kind, number, ranged, request).text
        scene.project.add([take.path], within=take.kind, name=take_name(number, text))
        return shown(next_prompt(scene.project.status(), take.kind, number, ranged, request))

    @shows_errors
    def turn(voice: str | None, kind: Kind, ranged: VoiceName, event: gr.EventData, request: gr.Request) -> Any:
        """Show the previous or next prompt, whether or not it has a take."""
        number = int(event._data.get("number") or 1) + int(event._data.get("step") or 0)
        return shown(prompt_of(kind, number, ranged, request))

    @shows_errors
    def begin(voice: str | None, kind: Kind, ranged: VoiceName, request: gr.Request) -> Any:
        """Show the first prompt that has no take."""
        standing = Scene.of(studio, voice, request).standing if voice else None
        return None if standing is None else shown(next_prompt(standing, kind, 0, ranged, request))

    stage.taken(check, None, stage, **QUIET)
    stage.kept(keep, [chosen, voice_range], stage, **QUIET)
    stage.turned(turn, [chosen, kind, voice_range], stage, **QUIET)
    kind.change(lambda kind: gr.update(visible=kind == "sung"), kind, voice_range, **QUIET)
    gr.on([kind.change, voice_range.change, chosen.change], begin, [chosen, kind, voice_range], stage, **QUIET)


def total(kind: Kind) -> int:
    """Return the number of prompts of a kind."""
    return len(sentences()) if kind == "spoken" else len(melodies())


def prompt_of(kind: Kind, number: int, ranged: VoiceName, request: gr.Request | None) -> Prompt:
    """Return the prompt number `number`, which counts from 1 and wraps around."""
    number = (number - 1) % total(kind) + 1
    known = texts(language_of(request))
    if kind == "spoken":
        return sentence_prompt(
            sentences()[number - 1], number=number, total=total(kind), texts={"read": known["booth.read"]}
        )
    melody = melodies()[number - 1]
    return melody_prompt(
        melody,
        root_for(melody, VOICES.get(ranged, VOICES[_DEFAULT_RANGE])),
        number=number,
        total=total(kind),
        titles={key: known[f"melody.{key}"] for key in TITLES},
        hints={key: known[f"hint.{key}"] for key in HINTS},
    )


def next_prompt(
    standing: ProjectStatus, kind: Kind, after: int, ranged: VoiceName, request: gr.Request | None
) -> Prompt:
    """Return the first prompt after number `after` that has no take, or the next prompt if all prompts have takes."""
    done, n = recorded(standing.recordings, kind), total(kind)
    order = [(after + step) % n + 1 for step in range(n)]
    return prompt_of(kind, next((number for number in order if number not in done), after % n + 1), ranged, request)


def recorded(recordings: tuple[Path, ...], kind: Kind) -> set[int]:
    """Return the numbers of the prompts of a kind that have a take."""
    names = (_NUMBER.match(path.name) for path in recordings if path.parent.name == kind)
    return {int(found[1]) for found in names if found}


def take_name(number: int, text: str) -> str:
    """Return the name of a take: the number and the first six words of its prompt."""
    words = " ".join(re.sub(r"[^\w\s'-]", "", text).split()[:6])
    return f"{number:03} {words}".strip()
