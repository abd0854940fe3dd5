"""Sing songs in a voice."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import gradio as gr

from myna.apps.gui.card import card_html
from myna.apps.gui.jobs import Job
from myna.apps.gui.panel import panel, panel_value
from myna.apps.gui.player import player
from myna.apps.gui.studio import KEEP, LOOK, SING, TICK_SECONDS, Studio, told
from myna.apps.gui.submissions import submit_song
from myna.apps.gui.tabs.library import add_voice, submit_download
from myna.apps.gui.texts import label, say
from myna.apps.gui.widgets import collect, option_widgets
from myna.errors import ConfigError
from myna.files import replacing
from myna.options import ConversionOptions
from myna.studio import results
from myna.studio.results import Result
from myna.studio.workspace import safe_name

_TASKS = "myna.apps.gui.tasks.singing"
# What is always seen; all else is folded away. Files of this computer are no option of a page.
_FIRST = ("speaker", "transpose", "auto_transpose", "transpose_step")
_NO_WIDGET = ("cluster_model_path",)
_LATER = tuple(spec.name for spec in fields(ConversionOptions) if spec.name not in (*_FIRST, *_NO_WIDGET))
_NUMBER = re.compile(r"[+-]?\d+")
_FORMATS = ("wav", "flac", "mp3")


def build(studio: Studio) -> None:
    """Put the tab where this is called."""
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
            widgets = {**first, **later}
            speaker: Any = first["speaker"]
            with gr.Accordion(label("convert.presets"), open=False):
                preset = gr.Dropdown(_presets(studio), label=label("convert.preset"), elem_id="preset")
                with gr.Row():
                    load = gr.Button(label("convert.load"), size="sm", elem_id="preset-load")
                    remove = gr.Button(label("convert.remove"), size="sm", elem_id="preset-delete")
                preset_name = gr.Textbox(label=label("convert.preset_name"), elem_id="preset-name")
                save = gr.Button(label("convert.save"), size="sm", elem_id="preset-save")
        with gr.Column(scale=3, min_width=320):
            queue = panel("queue")
            result = gr.Dropdown(_results(studio), value=None, label=label("convert.result"), elem_id="result")
            result_player = player(elem_id="player")
            with gr.Column(visible=False) as details:
                about = gr.Markdown(elem_id="about")
                with gr.Row(equal_height=True):
                    kind = gr.Radio(_FORMATS, value=_FORMATS[0], label=label("convert.format"), elem_id="format")
                    save_file = gr.DownloadButton(label("convert.download"), elem_id="download")
                    delete = gr.Button(label("convert.delete"), variant="stop", elem_id="delete")
                command = gr.Textbox(
                    label=label("convert.command"), elem_id="command", interactive=False, buttons=["copy"]
                )
    shown = [result_player, details, about, command, save_file]
    chosen = list(widgets.values())

    def options_of(values: tuple[Any, ...]) -> ConversionOptions:
        found = dict(zip(widgets, values, strict=True))
        if found.get("speaker_mix"):
            found["speaker"] = None  # one is always chosen on the page
        return collect(ConversionOptions, found)

    @told
    def describe(name: str, request: gr.Request) -> tuple[Any, Any]:
        found = studio.jobs.call(LOOK, f"{_TASKS}:describe", voice=studio.library.find(name))
        studio.jobs.warm(SING)  # not before: a page that opens has the processor for itself
        speakers = found["speakers"]
        return card_html(found, request), gr.update(choices=speakers, value=speakers[0] if speakers else None)

    @told
    def take(paths: list[str] | None, request: gr.Request) -> tuple[Any, None]:
        """A voice that was dropped here comes into the library, and is chosen."""
        there = add_voice(studio, paths or [], Path(min(paths or [""], key=_rank)).stem, request)
        return gr.update(choices=_names(studio), value=there), None

    @told
    def download(address: str, request: gr.Request) -> tuple[Any, str]:
        submit_download(studio, address, request)
        return panel_value(_jobs(studio), request), ""

    @told
    def suggest(
        paths: list[str] | None, mic: str | None, name: str, speaker: str | None, request: gr.Request
    ) -> tuple[Any, ...]:
        """Where the first song and the voice lie, and buttons that shift the one to the other."""
        nothing = gr.update(visible=False), gr.skip(), gr.skip()
        if not (paths or mic):
            return "", *nothing
        song = studio.uploaded(mic or (paths or [])[0])
        found = studio.jobs.call(LOOK, f"{_TASKS}:suggest", song=song, voice=studio.library.find(name), speaker=speaker)
        if found["source_hz"] is None:
            return say(request, "convert.no_pitch"), *nothing
        if found["voice_hz"] is None:
            return say(request, "convert.unknown_pitch", **found), *nothing
        buttons = [say(request, f"convert.use_{kind}", shift=found[kind]) for kind in ("octaves", "semitones")]
        return say(request, "convert.suggestion", **found), gr.update(visible=True), *buttons

    @told
    def submit(paths: list[str] | None, mic: str | None, name: str, request: gr.Request, *values: Any) -> Any:
        recordings = [*(paths or []), *([mic] if mic else [])]
        if not recordings:
            raise ConfigError(say(request, "convert.no_song"))
        options = options_of(values)
        for path in map(studio.uploaded, recordings):
            submit_song(studio, path, path.name, name, options)
        return panel_value(_jobs(studio), request)

    @told
    def cancel(event: gr.EventData, request: gr.Request) -> Any:
        job = studio.jobs.get(event.job)
        if job is not None:
            studio.jobs.cancel(job)
        return panel_value(_jobs(studio), request)

    def tick(seen: list[int], known: list[str], request: gr.Request) -> tuple[Any, ...]:
        """The queue as it is; the voices when there are others; and, when there is a new result, that one."""
        names = _names(studio)
        others = gr.skip() if names == known else gr.update(choices=names)
        there = results.results(studio.workspace)
        new = gr.update(choices=_results(studio), value=there[0]) if there and there[0] not in seen else gr.skip()
        if there and seen != there and there[0] in seen:
            new = gr.update(choices=_results(studio))
        return panel_value(_jobs(studio), request), new, there, others, names

    @told
    def show(number: int | None, form: str, request: gr.Request) -> tuple[Any, ...]:
        found = results.find(studio.workspace, number) if number is not None else None
        if found is None:
            return None, gr.update(visible=False), "", "", None
        there = gr.update(visible=True)
        return found.comparison, there, _about(found, request), found.command, _as(studio, found, form)

    @told
    def forget(number: int | None) -> Any:
        if number is not None:
            results.delete(studio.workspace, number)
        there = _results(studio)
        return gr.update(choices=there, value=there[0][1] if there else None)

    @told
    def save_preset(name: str, *values: Any) -> Any:
        path = studio.workspace.presets / f"{safe_name(name)}.json"
        chosen = {key: value for key, value in asdict(options_of(values)).items() if key not in _NO_WIDGET}
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(chosen, indent=2), encoding="utf-8")
        return gr.update(choices=_presets(studio), value=path.stem)

    @told
    def load_preset(name: str | None) -> list[Any]:
        if name not in _presets(studio):
            raise ConfigError(f"no preset {name!r}")
        found = json.loads((studio.workspace.presets / f"{name}.json").read_text("utf-8"))
        checked = asdict(collect(ConversionOptions, {key: found[key] for key in widgets if key in found}))
        return [checked[key] for key in widgets]

    @told
    def remove_preset(name: str | None) -> Any:
        if name in _presets(studio):
            (studio.workspace.presets / f"{name}.json").unlink()
        return gr.update(choices=_presets(studio), value=None)

    seen = gr.State([])
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    known = gr.State(voices)
    gr.Timer(TICK_SECONDS).tick(tick, [seen, known], [queue, result, seen, voice, known], queue=False, **quiet)
    add.click(take, files, [voice, files], show_progress_on=add, api_visibility="private")
    gr.on([fetch.click, hub.submit], download, hub, [queue, hub], **quiet)
    gr.on([voice.change], describe, voice, [card, speaker], **quiet)
    gr.on(
        [songs.change, recorded.change, voice.change, speaker.change],
        suggest,
        [songs, recorded, voice, speaker],
        [suggestion, suggested, octaves, semitones],
        trigger_mode="always_last",
        **quiet,
    )
    for button in (octaves, semitones):
        # What the button says is what it does; a number is a number in every language.
        button.click(lambda text: float(_NUMBER.findall(text)[0]), button, first["transpose"], **quiet)
    sing.click(submit, [songs, recorded, voice, *chosen], queue, **quiet)
    queue.click(cancel, None, queue, **quiet)
    gr.on([result.change, kind.change], show, [result, kind], shown, **quiet)
    delete.click(forget, result, result, **quiet)
    save.click(save_preset, [preset_name, *chosen], preset, **quiet)
    load.click(load_preset, preset, chosen, **quiet)
    remove.click(remove_preset, preset, preset, **quiet)

    def begin() -> tuple[Any, Any, Any]:
        """What has changed since the page was made: voices, and songs that were sung."""
        there = _results(studio)
        newest = gr.update(choices=there, value=there[0][1] if there else None)
        return gr.update(choices=_names(studio)), newest, results.results(studio.workspace)

    page: Any = gr.context.Context.root_block
    page.load(begin, outputs=[voice, result, seen], **quiet)
    page.load(describe, voice, [card, speaker], **quiet)


def _jobs(studio: Studio) -> list[Job]:
    """What is shown beside the songs: they, and voices that are fetched."""
    return [job for job in studio.jobs.all() if job.lane in (SING, KEEP)]


def _rank(path: str) -> int:
    """What names a voice: its weights rather than what belongs to them."""
    return Path(path).suffix.lower() not in (".pth", ".safetensors", ".onnx")


def _names(studio: Studio) -> list[str]:
    return [voice.name for voice in studio.library.voices()]


def _presets(studio: Studio) -> list[str]:
    return sorted(path.stem for path in studio.workspace.presets.glob("*.json"))


def _results(studio: Studio) -> list[tuple[str, int]]:
    """What was sung, as choices: newest first."""
    found = (results.find(studio.workspace, number) for number in results.results(studio.workspace))
    return [(f"{one.number}: {one.song} → {one.voice}", one.number) for one in found if one is not None]


def _about(found: Result, request: gr.Request) -> str:
    if found.source_hz is None:
        return say(request, "convert.no_pitch")
    if found.voice_hz is None:
        return say(request, "convert.sung", transpose=found.transpose)
    sung_hz = found.source_hz * 2 ** (found.transpose / 12)
    return say(request, "convert.sung_around", transpose=found.transpose, sung_hz=sung_hz, voice_hz=found.voice_hz)


def _as(studio: Studio, found: Result, form: str) -> str:
    """The file of a result in another format."""
    if form == found.path.suffix[1:]:
        return str(found.path)
    if form not in _FORMATS:
        raise ConfigError(f"no format {form!r}; there are: {', '.join(_FORMATS)}")
    path = studio.uploads / "downloads" / str(found.number) / f"{found.path.stem}.{form}"
    if not path.is_file():
        studio.jobs.call(LOOK, f"{_TASKS}:rewrite", source=found.path, target=path)
    return str(path)
