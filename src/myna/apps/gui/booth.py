"""Recording booth: a component that shows prompts to read or sing and records one take per prompt.

    stage = booth(sentence_prompt(sentences()[0], number=1, total=200), texts=language["booth"])
    stage.taken(check, outputs=stage)  # def check(event: gr.EventData): take = taken(event); ... return checked(...)
    stage.kept(keep_and_show_the_next, outputs=stage)
    stage.turned(show_another, outputs=stage)

The event `taken` fires when a take has been recorded and uploaded, `kept` when the user accepts it, and `turned` when
they move to another prompt without a take. `booth.js` handles the microphone, level meter, guide tone and keys; it
loads nothing from the internet.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from myna.errors import AudioError
from myna.studio.prompts import HINTS, TITLES, Melody, guide_tone
from myna.studio.take_report import PROBLEMS, Kind, TakeReport

if TYPE_CHECKING:
    import gradio as gr
    import numpy as np

MOST_SECONDS = 60.0  # limit of a take; the longest melody takes 15 s

# All texts of the booth. The browser replaces `{number}`, `{total}`, `{seconds}` and `{port}`.
TEXTS = {
    "booth": "Recording",
    "place": "{number} of {total}",
    "read": "Read aloud",
    "notes": "Notes as bars, higher pitch at the top",
    "hear": "Play the notes",
    "hush": "Stop",
    "record": "Record",
    "again": "Record again",
    "stop": "Stop",
    "cancel": "Cancel",
    "listen": "Listen",
    "seconds": "{seconds} s",
    "level": "Input level, dB",
    "asking": "Allow the browser to use the microphone.",
    "speak": "Speak now. Press Space or Stop to finish.",
    "sing": "Sing now. Press Space or Stop to finish.",
    "sending": "Saving",
    "checking": "Checking the take",
    "good": "Good take.",
    "not_good": "Record this one again.",
    "too_loud": "Too loud: the sound is clipped. Move away from the microphone, or lower its level.",
    "keep": "Keep and continue",
    "send_again": "Save again",
    "skip": "Skip",
    "back": "Back",
    "microphone": "Microphone",
    "denied": "The browser does not allow this page to use the microphone. Allow it next to the page's address, "
    "then record again.",
    "no_microphone": "No microphone found. Connect one and record again.",
    "busy": "The microphone does not respond. Close other programs that use it, then record again.",
    "lost": "The microphone was disconnected. Connect it and record again.",
    "insecure": "Browsers allow a microphone only for pages of this computer or over https. Open "
    "http://127.0.0.1:{port} on the computer that runs myna, or record elsewhere and add the files.",
    "not_sent": "The take could not be saved. Check that myna is running and the disk is not full, then save again.",
    "processed": "This browser processes the sound as for a call. Try another browser.",
}


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """Sentence or melody to record next; its dict form is the value of the booth."""

    kind: Kind
    title: str
    text: str  # sentence or lyrics
    hint: str = ""
    language: str = "en"  # language of `text`
    notes: tuple[Mapping[str, Any], ...] = ()  # fields of `myna.studio.prompts.Note`; empty for a sentence
    guide: str | None = None  # URL of the guide tone
    number: int = 1
    total: int = 0  # number of prompts; not shown if 0


def sentence_prompt(sentence: str, *, number: int, total: int, texts: Mapping[str, str] | None = None) -> Prompt:
    """Create the prompt to read a sentence, which is number `number` of `total`."""
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
    """Create the prompt to sing a melody, with its guide tone.

    Args:
        root: MIDI note on which the melody's root is sung.
        titles: displayed titles by `Melody.key`.
        hints: singing instructions by `Melody.key`.
    """
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


_GUIDE_RATE = 16000  # enough for the tone's highest overtone, 4 kHz; a second adds 30 kB to the page


def _as_address(audio: np.ndarray[Any, Any]) -> str:
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, audio, _GUIDE_RATE, subtype="PCM_16", format="WAV")
    return "data:audio/wav;base64," + base64.b64encode(file.getvalue()).decode()


def booth(prompt: Prompt | None = None, texts: Mapping[str, str] | None = None, **options: Any) -> gr.HTML:
    """Create the component; without a prompt it is hidden.

    Each event passes a `gr.EventData` with the prompt's `number`. Parse `taken` and `kept` with `read_take`. The data
    of `turned` contains `step`, which is 1 or -1.

    Args:
        prompt: the first prompt.
        texts: translations of `TEXTS`; texts without one stay English.
        options: arguments of `gr.HTML`, for example `elem_id` or `visible`.
    """
    import gradio as gr

    return gr.HTML(
        shown(prompt),
        # Gradio evaluates a filled template as code. The script therefore creates DOM nodes, in which a sentence is
        # plain text.
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
    """Return the booth value that shows `prompt` and discards the previous take."""
    return None if prompt is None else asdict(prompt)


@dataclass(frozen=True)
class Take:
    """Take that the browser sent: a file in the page's upload folder."""

    path: Path
    number: int | None  # number of its prompt
    kind: Kind


def read_take(event: gr.EventData, upload_folder: Path) -> Take:
    """Parse the take of a `taken` or `kept` event.

    Args:
        event: event data passed to the listener. It is untrusted, because any visitor of the page can forge it.
        upload_folder: Gradio's upload folder; files outside it are rejected.

    Raises:
        AudioError: the event does not name a file in that folder.
    """
    data = event._data if isinstance(event._data, dict) else {}
    path, number = data.get("path"), data.get("number")
    if not isinstance(path, str) or "\0" in path:
        raise AudioError("the browser sent no take; record it again")
    resolved = Path(path).resolve()
    if not resolved.is_relative_to(upload_folder.resolve()) or not resolved.is_file():
        raise AudioError("the take no longer exists; record it again")
    kind: Kind = "sung" if data.get("kind") == "sung" else "spoken"
    # The path is returned unresolved, because the browser identifies its take by the path that it sent.
    return Take(Path(path), number if isinstance(number, int) else None, kind)


def checked(take: Take, report: TakeReport, problems: Mapping[str, str] | None = None) -> gr.HTML:
    """Update the booth to show the result of checking a take; the prompt stays.

    Args:
        take: the take returned by `read_take`.
        report: the report returned by `myna.studio.takes.check_take`.
        problems: translations of `myna.studio.take_report.PROBLEMS`; problems without one stay English.
    """
    texts = {**PROBLEMS, **(problems or {})}
    lines = [{"text": problem.text(texts), "serious": problem.serious} for problem in report.problems]
    return _update(take, report.good, lines)


def refused(take: Take, reason: str) -> gr.HTML:
    """Update the booth to show why a take cannot be used."""
    return _update(take, False, [{"text": reason, "serious": True}])


def _update(take: Take, good: bool, lines: list[dict[str, Any]]) -> gr.HTML:
    import gradio as gr

    return gr.HTML(report={"path": str(take.path), "good": good, "lines": lines})


def _resource(name: str) -> str:
    return (files("myna.apps.gui") / name).read_text("utf-8")
