"""The booth: a page's place to record what is to be read and sung, one take after the other.

    stage = booth(sentence_prompt(sentences()[0], number=1, total=200), texts=language["booth"])
    stage.taken(check, outputs=stage)  # def check(event: gr.EventData): take = taken(event); ... return checked(...)
    stage.kept(keep_and_show_the_next, outputs=stage)
    stage.turned(show_another, outputs=stage)

`taken` comes when a take was recorded and sent, `kept` when a person wants it, `turned` when they go on or back without
one. Microphone, level, tone and keys are the business of `booth.js`; it needs nothing from the network.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile

from myna.errors import AudioError
from myna.studio.prompts import HINTS, TITLES, Melody, guide_tone
from myna.studio.takes import PROBLEMS, Kind, TakeReport

if TYPE_CHECKING:
    import gradio as gr

MOST_SECONDS = 60.0  # a take; the longest melody has 15

# All that the booth says. `{number}` of `{total}`, `{seconds}` and `{port}` are filled in by the browser.
TEXTS = {
    "booth": "Recording",
    "place": "{number} of {total}",
    "read": "Read aloud",
    "notes": "The notes as bars, higher ones above",
    "hear": "Hear the notes",
    "hush": "Stop",
    "record": "Record",
    "again": "Record again",
    "stop": "Stop",
    "cancel": "Cancel",
    "listen": "Listen",
    "seconds": "{seconds} s",
    "level": "Level in dB",
    "asking": "Let the browser use the microphone.",
    "speak": "Speak now. Space or Stop ends it.",
    "sing": "Sing now. Space or Stop ends it.",
    "sending": "Saving",
    "checking": "Listening to it",
    "good": "This is a good take.",
    "not_good": "Better record it again.",
    "too_loud": "Too loud: it is cut off. Go further from the microphone, or turn its level down.",
    "keep": "Keep and go on",
    "send_again": "Save it again",
    "skip": "Skip",
    "back": "Back",
    "microphone": "Microphone",
    "denied": "The browser does not let this page use the microphone. Allow it beside the address of the page, "
    "and record again.",
    "no_microphone": "There is no microphone. Connect one and record again.",
    "busy": "The microphone does not answer. Close other programs that use it, and record again.",
    "lost": "The microphone is gone. Connect it and record again.",
    "insecure": "Browsers lend a microphone only to a page of the same computer, or of https. Open "
    "http://127.0.0.1:{port} on the computer that runs it, or record elsewhere and add the files.",
    "not_sent": "The take could not be saved. Is the program still running, and is the disk full? Save it again.",
    "processed": "This browser filters the sound as for a call; another browser may not.",
}


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """What is read or sung next: the value of the booth is its fields."""

    kind: Kind
    title: str
    text: str  # the sentence, or the words
    hint: str = ""
    language: str = "en"  # of `text`
    notes: tuple[Mapping[str, Any], ...] = ()  # of a melody: the fields of `myna.studio.prompts.Note`
    guide: str | None = None  # address of the tone to sing after
    number: int = 1
    total: int = 0  # 0 where it is not counted


def sentence_prompt(sentence: str, *, number: int, total: int, texts: Mapping[str, str] | None = None) -> Prompt:
    """A sentence to read, the `number`-th of `total`."""
    title = {**TEXTS, **(texts or {})}["read"]
    return Prompt(kind="spoken", title=title, text=sentence, number=number, total=total)


def melody_prompt(
    melody: Melody,
    root: int,
    *,
    number: int,
    total: int,
    titles: Mapping[str, str] = TITLES,
    hints: Mapping[str, str] = HINTS,
) -> Prompt:
    """A melody to sing from `root`, a note of MIDI, with its tone; `titles` and `hints` are by `Melody.key`."""
    return Prompt(
        kind="sung",
        title=titles[melody.key].format(syllable=melody.syllable),
        text=melody.text,
        hint=hints.get(melody.key, ""),
        language="fr" if melody.key in ("jacques", "jacques_2", "lune") else "en",
        notes=tuple(asdict(note) for note in melody.notes),
        guide=_as_address(guide_tone(melody, root, _GUIDE_RATE)),
        number=number,
        total=total,
    )


_GUIDE_RATE = 16000  # its highest overtone lies at 4 kHz, and the page carries 30 kB a second


def _as_address(audio: np.ndarray[Any, Any]) -> str:
    file = io.BytesIO()
    soundfile.write(file, audio, _GUIDE_RATE, subtype="PCM_16", format="WAV")
    return "data:audio/wav;base64," + base64.b64encode(file.getvalue()).decode()


def booth(prompt: Prompt | None = None, texts: Mapping[str, str] | None = None, **options: Any) -> gr.HTML:
    """The component; without a prompt nothing is seen.

    Its events carry a `gr.EventData`: `taken` and `kept` are read with `read_take`; `turned` has `step`, 1 or -1, and
    all have the `number` of the prompt.

    Args:
        prompt: what is read or sung first.
        texts: of `TEXTS`, those in the language of the page.
        options: of `gr.HTML`, as `elem_id` or `visible`.
    """
    import gradio as gr

    return gr.HTML(
        shown(prompt),
        # Gradio evaluates what a template makes of a value as code; the script builds the page of nodes instead, in
        # which a sentence is text.
        html_template="",
        css_template=_resource("booth.css"),
        js_on_load=_resource("booth.js"),
        apply_default_css=False,
        texts={**TEXTS, **(texts or {})},
        report=None,
        most_seconds=MOST_SECONDS,
        **options,
    )


def shown(prompt: Prompt | None) -> dict[str, Any] | None:
    """The booth's value that shows `prompt`; what was recorded before is forgotten."""
    return None if prompt is None else asdict(prompt)


@dataclass(frozen=True)
class Take:
    """What the browser sent: a file of the page's own upload folder."""

    path: Path
    number: int | None  # of the prompt that it was recorded for
    kind: Kind


def read_take(event: gr.EventData, upload_folder: Path) -> Take:
    """The take that `taken` or `kept` tells of.

    Args:
        event: as the listener gets it; whoever has the page can make one up.
        upload_folder: where Gradio puts what is uploaded; nothing else is read.

    Raises:
        AudioError: it names no file of that folder.
    """
    data = event._data if isinstance(event._data, dict) else {}
    path, number = data.get("path"), data.get("number")
    if not isinstance(path, str) or "\0" in path:
        raise AudioError("the browser sent no take; record it again")
    resolved = Path(path).resolve()
    if not resolved.is_relative_to(upload_folder.resolve()) or not resolved.is_file():
        raise AudioError("the take is not there any more; record it again")
    kind: Kind = "sung" if data.get("kind") == "sung" else "spoken"
    # As the browser knows it: by this path it finds its take again.
    return Take(Path(path), number if isinstance(number, int) else None, kind)


def checked(take: Take, report: TakeReport, problems: Mapping[str, str] | None = None) -> gr.HTML:
    """The update of the booth that shows what was found out about a take; its prompt stays.

    Args:
        take: as `read_take` gave it.
        report: of `myna.studio.takes.check_take`.
        problems: the texts of `myna.studio.takes.PROBLEMS`, in the language of the page.
    """
    texts = {**PROBLEMS, **(problems or {})}
    lines = [{"text": problem.text(texts), "serious": problem.serious} for problem in report.problems]
    return _update(take, report.good, lines)


def refused(take: Take, reason: str) -> gr.HTML:
    """The update of the booth that says why a take cannot be used."""
    return _update(take, False, [{"text": reason, "serious": True}])


def _update(take: Take, good: bool, lines: list[dict[str, Any]]) -> gr.HTML:
    import gradio as gr

    return gr.HTML(report={"path": str(take.path), "good": good, "lines": lines})


def _resource(name: str) -> str:
    return (files("myna.apps.gui") / name).read_text("utf-8")
