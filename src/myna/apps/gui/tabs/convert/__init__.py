"""Tab for converting songs to a voice."""

from __future__ import annotations

import re
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import gradio as gr

from myna.apps.gui.card import card_html
from myna.apps.gui.jobs import Job
from myna.apps.gui.panel import panel, panel_value
from myna.apps.gui.player import PLAYING_LAST, playing
from myna.apps.gui.studio import KEEP, LOOK, QUIET, SING, TICK_SECONDS, Studio, shows_errors
from myna.apps.gui.submissions import submit_song
from myna.apps.gui.tabs.convert import presets, result_list
from myna.apps.gui.tabs.keeping import add_voice, submit_download
from myna.apps.gui.tasks.singing import DescribeVoice, MatchPitch
from myna.apps.gui.texts import label, say
from myna.apps.gui.widgets import option_widgets
from myna.errors import ConfigError
from myna.options import ConversionOptions, parse_options

# These options are always visible; the others are folded away. Options whose values are local files have no widget.
_FIRST = ("speaker", "transpose", "auto_transpose", "transpose_step")
_NO_WIDGET = ("cluster_model_path",)
_LATER = tuple(spec.name for spec in fields(ConversionOptions) if spec.name not in (*_FIRST, *_NO_WIDGET))
_NUMBER = re.compile(r"[+-]?\d+")


def build(studio: Studio) -> None:
    """Build the tab in the current Gradio block."""
    widgets: dict[str, gr.components.Component] = {}

    def options_of(values: tuple[Any, ...]) -> ConversionOptions:
        found = dict(zip(widgets, values, strict=True))
        if found.get("speaker_mix"):
            found["speaker"] = None  # the page always selects a speaker, but the two options exclude each other
        return parse_options(ConversionOptions, found)

    with gr.Row():
        with gr.Column(scale=2, min_width=320):
            songs = gr.File(
                label=label("convert.songs"), file_count="multiple", type="filepath", elem_id="songs", height=140
            )
            with gr.Accordion(label("convert.record"), open=False):
                recorded = gr.Audio(
                    label=label("convert.recording"), sources=["microphone"], type="filepath", elem_id="recorded"
                )
            voices = _names(studio)
            voice = gr.Dropdown(voices, value=voices[0], label=label("convert.voice"), elem_id="voice")
            card = gr.HTML(elem_id="card", padding=False)
            with gr.Accordion(label("convert.another"), open=False):
                files = gr.File(
                    label=label("library.files"),
                    file_count="multiple",
                    type="filepath",
                    elem_id="voice-file",
                    height=120,
                )
                add = gr.Button(label("library.add"), size="sm", elem_id="voice-add")
                hub = gr.Textbox(label=label("library.hub"), info=label("library.hub_help"), elem_id="voice-hub")
                fetch = gr.Button(label("library.download"), size="sm", elem_id="voice-fetch")
            first = option_widgets(ConversionOptions, _FIRST, {"speaker": []})
            suggestion = gr.Markdown(elem_id="suggestion")
            with gr.Row(visible=False) as suggested:
                octaves = gr.Button(size="sm", elem_id="use-octaves")
                semitones = gr.Button(size="sm", elem_id="use-semitones")
            sing = gr.Button(label("convert.sing"), variant="primary", elem_id="sing")
            with gr.Accordion(label("convert.more"), open=False):
                later = option_widgets(ConversionOptions, _LATER)
            widgets |= {**first, **later}
            speaker: Any = first["speaker"]
            presets.build(studio, widgets, options_of)
        with gr.Column(scale=3, min_width=320):
            queue = panel("queue")
            sung = result_list.build(studio)
    chosen = list(widgets.values())

    @shows_errors
    def describe(name: str, request: gr.Request) -> tuple[Any, Any]:
        found = studio.jobs.call(LOOK, DescribeVoice(voice=studio.voices.find(name)))
        studio.jobs.warm(SING)  # not earlier, because opening the page needs the processor
        speakers = found.speakers
        return card_html(found, request), gr.update(choices=speakers, value=speakers[0] if speakers else None)

    @shows_errors
    def take(paths: list[str] | None, request: gr.Request) -> tuple[Any, None]:
        """Add dropped files to the library as one voice and select it."""
        there = add_voice(studio, paths or [], Path(min(paths or [""], key=_rank)).stem, request)
        return gr.update(choices=_names(studio), value=there), None

    @shows_errors
    def download(address: str, request: gr.Request) -> tuple[Any, str]:
        submit_download(studio, address, request)
        return panel_value(_jobs(studio), request), ""

    @shows_errors
    def suggest(
        paths: list[str] | None, mic: str | None, name: str, speaker: str | None, request: gr.Request
    ) -> tuple[Any, ...]:
        """Compare the median pitches of the song and of the voice; offer buttons that set the transposition."""
        nothing = gr.update(visible=False), gr.skip(), gr.skip()
        if not (paths or mic):
            return "", *nothing
        song = studio.uploaded(mic or (paths or [])[0])
        match = studio.jobs.call(LOOK, MatchPitch(voice=studio.voices.find(name), song=song, speaker=speaker))
        found = asdict(match)
        if match.source_hz is None:
            return say(request, "convert.no_pitch"), *nothing
        if match.voice_hz is None:
            return say(request, "convert.unknown_pitch", **found), *nothing
        buttons = [say(request, f"convert.use_{kind}", shift=found[kind]) for kind in ("octaves", "semitones")]
        return say(request, "convert.suggestion", **found), gr.update(visible=True), *buttons

    @shows_errors
    def submit(paths: list[str] | None, mic: str | None, name: str, request: gr.Request, *values: Any) -> Any:
        recordings = [*(paths or []), *([mic] if mic else [])]
        if not recordings:
            raise ConfigError(say(request, "convert.no_song"))
        options = options_of(values)
        for path in map(studio.uploaded, recordings):
            submit_song(studio, path, path.name, name, options)
        return panel_value(_jobs(studio), request)

    @shows_errors
    def cancel(event: gr.EventData, request: gr.Request) -> Any:
        job = studio.jobs.get(event.job)
        if job is not None:
            studio.jobs.cancel(job)
        return panel_value(_jobs(studio), request)

    def tick(seen: list[int], known: list[str], playing: bool, request: gr.Request) -> tuple[Any, ...]:
        """Refresh the queue, the results and the list of voices."""
        names = _names(studio)
        others = gr.skip() if names == known else gr.update(choices=names)
        return panel_value(_jobs(studio), request), *result_list.tick(studio, seen, playing), others, names

    def begin() -> tuple[Any, ...]:
        """Refresh the lists that may have changed since the page was built."""
        return gr.update(choices=_names(studio)), *result_list.begin(studio)

    known = gr.State(voices)
    gr.Timer(TICK_SECONDS).tick(
        tick,
        [sung.seen, known, playing()],
        [queue, *sung.outputs, voice, known],
        js=PLAYING_LAST,
        queue=False,
        **QUIET,
    )
    add.click(take, files, [voice, files], show_progress_on=add, api_visibility="private")
    gr.on([fetch.click, hub.submit], download, hub, [queue, hub], **QUIET)
    gr.on([voice.change], describe, voice, [card, speaker], **QUIET)
    gr.on(
        [songs.change, recorded.change, voice.change, speaker.change],
        suggest,
        [songs, recorded, voice, speaker],
        [suggestion, suggested, octaves, semitones],
        trigger_mode="always_last",
        **QUIET,
    )
    for button in (octaves, semitones):
        # The transposition is read from the button's text, which contains the same number in every language.
        button.click(lambda text: float(_NUMBER.findall(text)[0]), button, first["transpose"], **QUIET)
    sing.click(submit, [songs, recorded, voice, *chosen], queue, **QUIET)
    queue.click(cancel, None, queue, **QUIET)
    page: Any = gr.context.Context.root_block
    page.load(begin, outputs=[voice, *sung.outputs], **QUIET)
    page.load(describe, voice, [card, speaker], **QUIET)


def _jobs(studio: Studio) -> list[Job[Any]]:
    """Return the jobs that this tab lists: conversions, and downloads, packing and exports of voices."""
    return [job for job in studio.jobs.all() if job.lane in (SING, KEEP)]


def _rank(path: str) -> int:
    """Return a sort key that puts weight files first, because the voice is named after the first file."""
    return Path(path).suffix.lower() not in (".pth", ".safetensors", ".onnx")


def _names(studio: Studio) -> list[str]:
    return [voice.name for voice in studio.voices.all()]
