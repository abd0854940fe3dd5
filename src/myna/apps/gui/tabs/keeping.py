"""Tab for managing the voices on this computer: add, download, rename, pack, export and delete them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from myna.apps.actions.pack import CardText
from myna.apps.gui.card import card_html
from myna.apps.gui.jobs import Job, JobState
from myna.apps.gui.panel import panel, panel_value
from myna.apps.gui.question import asked, closed, question
from myna.apps.gui.studio import KEEP, LOOK, QUIET, TICK_SECONDS, Studio, shows_errors
from myna.apps.gui.tasks import VoiceTask
from myna.apps.gui.tasks.keeping import AddVoice, DownloadVoice, ExportVoice, PackVoice
from myna.apps.gui.tasks.singing import DescribeVoice
from myna.apps.gui.texts import label, say
from myna.assets.hub import read_address
from myna.errors import ConfigError, MynaError
from myna.studio.voices import LibraryVoice, Origin, repository
from myna.studio.workspace import safe_name

_PACKED, _EXPORTED = ".safetensors", ".onnx"


def build(studio: Studio) -> None:
    """Build the tab in the current Gradio block."""
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            voices = gr.Radio([], label=label("library.voices"), elem_id="library-list")
            card = gr.HTML(elem_id="library-card", padding=False)
            with gr.Accordion(label("library.rename_title"), open=False, elem_id="library-renaming"):
                new_name = gr.Textbox(label=label("library.new_name"), max_lines=1, elem_id="library-new-name")
                rename = gr.Button(label("library.rename"), elem_id="library-rename")
            with gr.Accordion(label("library.pack_title"), open=False, elem_id="library-packing"):
                gr.Markdown(label("library.pack_help"), elem_classes="hint")
                words = [
                    gr.Textbox(
                        label=label(f"library.{word}"),
                        info=label(f"library.{word}_help"),
                        lines=3 if word == "cover" else 1,
                        elem_id=f"library-{word}",
                    )
                    for word in ("licence", "author", "cover")
                ]
                switches = [
                    gr.Checkbox(label=label(f"library.{switch}"), value=value, elem_id=f"library-{switch}")
                    for switch, value in (("half", False), ("release", False), ("index", True))
                ]
                pack = gr.Button(label("library.pack"), elem_id="library-pack")
            with gr.Accordion(label("library.export_title"), open=False, elem_id="library-exporting"):
                gr.Markdown(label("library.export_help"), elem_classes="hint")
                export = gr.Button(label("library.export"), elem_id="library-export")
            delete = gr.Button(label("library.delete"), variant="stop", elem_id="library-delete")
            sure = question("library")
        with gr.Column(scale=2, min_width=320):
            queue = panel("library-queue")
            made = gr.File(
                label=label("library.made"),
                file_count="multiple",
                interactive=False,
                visible=False,
                elem_id="library-made",
            )
            with gr.Accordion(label("library.add_title"), open=True):
                gr.Markdown(label("library.files_help"), elem_classes="hint")
                files = gr.File(
                    label=label("library.files"),
                    file_count="multiple",
                    type="filepath",
                    elem_id="library-files",
                    height=140,
                )
                name = gr.Textbox(
                    label=label("library.name"), info=label("library.name_help"), max_lines=1, elem_id="library-name"
                )
                add = gr.Button(label("library.add"), variant="primary", elem_id="library-add")
            with gr.Accordion(label("library.hub_title"), open=True):
                hub = gr.Textbox(
                    label=label("library.hub"), info=label("library.hub_help"), max_lines=1, elem_id="library-hub"
                )
                download = gr.Button(label("library.download"), elem_id="library-download")
    seen: gr.State = gr.State(None)  # ids of the finished jobs that this page has shown

    def listed(value: str | None, request: gr.Request) -> Any:
        """Refresh the list and select `value`, or the first voice if `value` is not in the list."""
        there = choices(studio, request)
        names = [one for _, one in there]
        return gr.update(choices=there, value=value if value in names else next(iter(names), None))

    def describe(chosen: str | None, request: gr.Request) -> str:
        return card_of(studio, chosen, request)

    @shows_errors
    def take(paths: list[str] | None, called: str, request: gr.Request) -> tuple[Any, ...]:
        there = add_voice(studio, paths or [], called, request)
        gr.Info(escape(say(request, "library.added", name=there)))
        return listed(there, request), None, ""

    @shows_errors
    def fetch(text: str, request: gr.Request) -> tuple[Any, str]:
        submit_download(studio, text, request)
        return panel_value(studio.jobs.all(KEEP), request), ""

    @shows_errors
    def call(chosen: str | None, new: str, request: gr.Request) -> Any:
        voice = idle(studio, chosen, request)
        there = studio.voices.rename(voice.name, new).name
        gr.Info(escape(say(request, "library.renamed", name=voice.name, new=there)))
        return listed(there, request)

    @shows_errors
    def make(
        chosen: str | None,
        licence: str,
        author: str,
        cover: str,
        half: bool,
        release: bool,
        index: bool,
        request: gr.Request,
    ) -> Any:
        text = CardText(licence, author, cover)
        submit_packing(studio, chosen, request, card=text, half=half, release=release, index=index)
        return panel_value(studio.jobs.all(KEEP), request)

    @shows_errors
    def make_onnx(chosen: str | None, request: gr.Request) -> Any:
        submit_export(studio, chosen, request)
        return panel_value(studio.jobs.all(KEEP), request)

    @shows_errors
    def ask(chosen: str | None, request: gr.Request) -> tuple[Any, ...]:
        return asked(ask_to_delete(studio, chosen, request), chosen)

    @shows_errors
    def remove(chosen: str | None, request: gr.Request) -> tuple[Any, ...]:
        studio.voices.delete(idle(studio, chosen, request).name)
        gr.Info(escape(say(request, "library.deleted", name=chosen)))
        return listed(None, request), *closed()

    @shows_errors
    def cancel(event: gr.EventData, request: gr.Request) -> Any:
        job = studio.jobs.get(event.job)
        if job is not None and job.lane == KEEP:
            studio.jobs.cancel(job)
        return panel_value(studio.jobs.all(KEEP), request)

    def tick(shown: list[int] | None, request: gr.Request) -> tuple[Any, ...]:
        """Refresh the list of jobs and, whenever a job has ended, the lists of voices and files too.

        The list of voices is not an input, because a tick may follow a deletion, and Gradio would reject the deleted
        voice as the list's value.
        """
        jobs = studio.jobs.all(KEEP)
        over = [job.id for job in jobs if job.state.over]
        if over == shown:
            return panel_value(jobs, request), gr.skip(), gr.skip(), gr.skip()
        there = files_made(jobs)
        fetched = [job.result for job in jobs if job.id not in (shown or []) and _done(job, DownloadVoice)]
        chosen = {"value": fetched[-1]} if fetched and shown is not None else {}
        return (
            panel_value(jobs, request),
            gr.update(choices=choices(studio, request), **chosen),
            gr.update(value=[str(path) for path in there] or None, visible=bool(there)),
            over,
        )

    with_progress: dict[str, Any] = {"show_progress": "minimal", "api_visibility": "private"}
    gr.Timer(TICK_SECONDS).tick(tick, seen, [queue, voices, made, seen], queue=False, **QUIET)
    # The question is closed in an event of its own. The card's event is slow, so it would also close a question asked
    # in the meantime.
    voices.change(lambda chosen: (chosen, *closed()), voices, [new_name, *sure.outputs], queue=False, **QUIET)
    voices.change(describe, voices, card, trigger_mode="always_last", **with_progress)
    gr.on([add.click, name.submit], take, [files, name], [voices, files, name], show_progress_on=add, **with_progress)
    gr.on([download.click, hub.submit], fetch, hub, [queue, hub], **QUIET)
    gr.on([rename.click, new_name.submit], call, [voices, new_name], voices, **QUIET)
    pack.click(make, [voices, *words, *switches], queue, **QUIET)
    export.click(make_onnx, voices, queue, **QUIET)
    delete.click(ask, voices, sure.outputs, **QUIET)
    sure.yes.click(remove, sure.about, [voices, *sure.outputs], **QUIET)
    queue.click(cancel, None, queue, **QUIET)
    page, tab = gr.context.Context.root_block, gr.context.Context.block
    assert page is not None
    page.load(listed, voices, voices, **QUIET)
    if isinstance(tab, gr.Tab):
        tab.select(listed, voices, voices, **QUIET)  # show voices that were added in other tabs


def choices(studio: Studio, request: gr.Request | None) -> list[tuple[str, str]]:
    """Return the voices as pairs of label and name."""
    return [(_title(voice, request), voice.name) for voice in studio.voices.all()]


def card_of(studio: Studio, name: str | None, request: gr.Request | None) -> str:
    """Return the card of a voice as HTML, or the error if the voice cannot be read."""
    if name is None:
        return ""
    try:
        found = studio.jobs.call(LOOK, DescribeVoice(voice=studio.voices.find(name)))
    except MynaError as error:
        return f'<p class="job-error">{escape(str(error))}</p>'
    return card_html(found, request)


def add_voice(studio: Studio, paths: Sequence[str], name: str, request: gr.Request | None) -> str:
    """Add uploaded files to the library as one voice and return its name there.

    Raises:
        ConfigError: the name is empty, a file was not uploaded, or the files do not belong to a single voice.
        MynaError: see `Library.add`.
    """
    if not name.strip():
        raise ConfigError(say(request, "library.no_name"))
    uploads = tuple(studio.uploaded(path) for path in paths)
    return studio.jobs.call(LOOK, AddVoice(workspace=studio.workspace, files=uploads, name=safe_name(name)))


def submit_download(studio: Studio, text: str, request: gr.Request | None) -> Job[str]:
    """Queue a download from the hub.

    Raises:
        ConfigError: `text` is empty.
        AssetError: `text` is not an address.
    """
    if not text.strip():
        raise ConfigError(say(request, "library.no_address"))
    address = read_address(text.strip())
    return studio.jobs.submit(KEEP, DownloadVoice(address), str(address))


def submit_packing(
    studio: Studio,
    name: str | None,
    request: gr.Request | None,
    *,
    card: CardText,
    half: bool,
    release: bool,
    index: bool,
) -> Job[list[Path]]:
    """Queue the packing of a voice; see `PackVoice`.

    Raises:
        ConfigError: there is no such voice.
    """
    voice = _chosen(studio, name, request)
    path = _place(studio, voice, _PACKED)
    task = PackVoice(voice=voice, path=path, half=half, release=release, index=index, card=card)
    return studio.jobs.submit(KEEP, task, f"{voice.name} → {path.name}")


def submit_export(studio: Studio, name: str | None, request: gr.Request | None) -> Job[list[Path]]:
    """Queue the export of a voice to ONNX; see `ExportVoice`.

    Raises:
        ConfigError: there is no such voice.
    """
    voice = _chosen(studio, name, request)
    path = _place(studio, voice, _EXPORTED)
    return studio.jobs.submit(KEEP, ExportVoice(voice=voice, path=path), f"{voice.name} → {path.name}")


def files_made(jobs: Sequence[Job[Any]]) -> list[Path]:
    """Return the files that finished packing and export jobs wrote and that still exist, newest job first."""
    done = [job for job in reversed(jobs) if _done(job, PackVoice) or _done(job, ExportVoice)]
    return list(dict.fromkeys(path for job in done for path in job.result if path.is_file()))


def ask_to_delete(studio: Studio, name: str | None, request: gr.Request | None) -> str:
    """Return the question that asks the user to confirm deleting a voice.

    Raises:
        ConfigError: the voice cannot be deleted.
    """
    voice = idle(studio, name, request)
    studio.voices.check_deletable(voice)
    if voice.origin is Origin.HUB:
        return say(request, "library.sure_hub", repo=repository(voice))
    return say(request, "library.sure", name=voice.name)


def idle(studio: Studio, name: str | None, request: gr.Request | None) -> LibraryVoice:
    """Find a voice by name, and check that no conversion, packing or export uses it.

    Raises:
        ConfigError: a job uses the voice, or there is no such voice.
    """
    voice = _chosen(studio, name, request)
    for job in studio.jobs.all():
        if job.lane == LOOK or job.state.over:
            continue
        if isinstance(job.task, VoiceTask) and job.task.voice == voice:
            raise ConfigError(say(request, "library.busy", name=voice.name, title=job.title))
    return voice


def _chosen(studio: Studio, name: str | None, request: gr.Request | None) -> LibraryVoice:
    if name is None:
        raise ConfigError(say(request, "library.none_chosen"))
    return studio.voices.find(name)


def _place(studio: Studio, voice: LibraryVoice, suffix: str) -> Path:
    """Return the path for a packed or exported voice.

    The next packing or export of the voice overwrites the file, and closing the studio deletes it.
    """
    plain = voice.name.removeprefix("hf://").removesuffix(".pth").removesuffix(_PACKED)
    return studio.uploads / "downloads" / "voices" / f"{safe_name(plain)}{suffix}"


def _title(voice: LibraryVoice, request: gr.Request | None) -> str:
    return f"{voice.name} · {say(request, f'library.origin.{voice.origin}')}"


def _done(job: Job[Any], kind: type) -> bool:
    return isinstance(job.task, kind) and job.state is JobState.DONE
