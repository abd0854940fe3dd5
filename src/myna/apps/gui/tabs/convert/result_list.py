"""List of conversion results. Each can be played together with its source, downloaded and deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from myna.apps.gui.player import player
from myna.apps.gui.question import asked, closed, question
from myna.apps.gui.studio import LOOK, QUIET, SING, Studio, shows_errors
from myna.apps.gui.tasks.singing import ConvertSong, RewriteSound
from myna.apps.gui.texts import label, say
from myna.config import VOICE_BOUNDS
from myna.errors import ConfigError
from myna.studio import results
from myna.studio.results import Result
from myna.units import semitones_to_ratio

_FORMATS = ("wav", "flac", "mp3")


@dataclass(frozen=True)
class ResultList:
    """Widgets of the list; the value of `chosen` is the number of the displayed result."""

    chosen: gr.Dropdown
    seen: gr.State  # numbers of the results that the page lists

    @property
    def outputs(self) -> list[Any]:
        return [self.chosen, self.seen]


def build(studio: Studio) -> ResultList:
    """Build the list in the current Gradio block."""
    chosen = gr.Dropdown(choices(studio), value=None, label=label("convert.result"), elem_id="result")
    played = player(elem_id="player")
    with gr.Column(visible=False) as details:
        about = gr.Markdown(elem_id="about")
        with gr.Row(equal_height=True):
            kind = gr.Radio(_FORMATS, value=_FORMATS[0], label=label("convert.format"), elem_id="format")
            download = gr.DownloadButton(label("convert.download"), elem_id="download")
            delete = gr.Button(label("convert.delete"), variant="stop", elem_id="delete")
        sure = question("result")
        command = gr.Textbox(label=label("convert.command"), elem_id="command", interactive=False, buttons=["copy"])

    @shows_errors
    def show(number: int | None, form: str, request: gr.Request) -> tuple[Any, ...]:
        found = results.find(studio.workspace, number) if number is not None else None
        if found is None:
            return None, gr.update(visible=False), "", "", None
        comparison = results.comparison(studio.workspace, found.number)
        there = gr.update(visible=True)
        return comparison, there, about_text(found, request), found.command, in_format(studio, found, form)

    @shows_errors
    def rewrite(number: int | None, form: str) -> str | None:
        found = results.find(studio.workspace, number) if number is not None else None
        return None if found is None else in_format(studio, found, form)

    @shows_errors
    def ask(number: int | None, request: gr.Request) -> tuple[Any, ...]:
        found = results.find(studio.workspace, number) if number is not None else None
        if found is None:
            return closed()
        return asked(say(request, "convert.sure", song=found.song, voice=found.voice, file=found.path.name), number)

    @shows_errors
    def forget(number: int | None) -> tuple[Any, ...]:
        if number is not None:
            results.delete(studio.workspace, number)
        return newest(studio), *closed()

    chosen.change(show, [chosen, kind], [played, details, about, command, download], **QUIET)
    chosen.change(closed, None, sure.outputs, queue=False, **QUIET)
    kind.change(rewrite, [chosen, kind], download, **QUIET)  # without the player, which would stop
    delete.click(ask, chosen, sure.outputs, **QUIET)
    sure.yes.click(forget, sure.about, [chosen, *sure.outputs], **QUIET)
    return ResultList(chosen, gr.State([]))


def begin(studio: Studio) -> tuple[Any, list[int]]:
    """Return the values of `ResultList.outputs` for a newly opened page, with the latest result selected."""
    return newest(studio), finished(studio)


def tick(studio: Studio, seen: list[int], playing: bool) -> tuple[Any, list[int]]:
    """Return the values of `ResultList.outputs` for an open page.

    A new result is selected, unless the page plays a sound; other changes only update the list.
    """
    there = finished(studio)
    if there == seen:
        return gr.skip(), there
    new = there and there[0] not in seen and not playing
    return newest(studio) if new else gr.update(choices=choices(studio)), there


def newest(studio: Studio) -> Any:
    there = choices(studio)
    return gr.update(choices=there, value=there[0][1] if there else None)


def finished(studio: Studio) -> list[int]:
    """Return the numbers of the results, newest first, without those whose pictures are still being drawn."""
    tasks = [job.task for job in studio.jobs.all(SING) if not job.state.over]
    drawn = {task.place.number for task in tasks if isinstance(task, ConvertSong)}
    return [number for number in results.results(studio.workspace) if number not in drawn]


def choices(studio: Studio) -> list[tuple[str, int]]:
    """Return the results as pairs of label and number."""
    found = (results.find(studio.workspace, number) for number in finished(studio))
    return [(f"{one.number}: {one.song} → {one.voice}", one.number) for one in found if one is not None]


def about_text(found: Result, request: gr.Request | None) -> str:
    """Describe a result: its pitch, and what was changed to stay within full scale and the voice's pitch."""
    remarks = [_pitch_text(found, request)]
    if found.turned_down_db >= 0.05:
        remarks.append(say(request, "convert.turned_down", db=found.turned_down_db))
    if found.lowered_seconds:
        remarks.append(say(request, "convert.lowered", seconds=found.lowered_seconds, hz=VOICE_BOUNDS.high_hz))
    if found.raised_seconds:
        remarks.append(say(request, "convert.raised", seconds=found.raised_seconds, hz=VOICE_BOUNDS.low_hz))
    return " ".join(remarks)


def _pitch_text(found: Result, request: gr.Request | None) -> str:
    """Describe the transposition of a result, and compare its median pitch with that of the voice's recordings."""
    if found.source_hz is None:
        return say(request, "convert.no_pitch")
    if found.voice_hz is None:
        return say(request, "convert.sung", transpose=found.transpose)
    sung_hz = found.source_hz * semitones_to_ratio(found.transpose)
    return say(request, "convert.sung_around", transpose=found.transpose, sung_hz=sung_hz, voice_hz=found.voice_hz)


def in_format(studio: Studio, found: Result, form: str) -> str:
    """Return the path of a result in the format `form`.

    If the result has another format, a converted copy is written and kept until the studio closes.

    Raises:
        ConfigError: the format is unknown.
    """
    if form == found.path.suffix[1:]:
        return str(found.path)
    if form not in _FORMATS:
        raise ConfigError(f"no format {form!r}; there are: {', '.join(_FORMATS)}")
    path = studio.uploads / "downloads" / str(found.number) / f"{found.path.stem}.{form}"
    if not path.is_file():
        studio.jobs.call(LOOK, RewriteSound(found.path, path))
    return str(path)
