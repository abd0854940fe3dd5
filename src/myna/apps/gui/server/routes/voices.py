"""The voices of the studio. Their names may contain slashes, so a name is always the query parameter `name`."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from myna.apps.gui.server import voice_jobs
from myna.apps.gui.server.context import JobView, Language, Studio, StudioOf
from myna.apps.gui.server.description import file_of
from myna.apps.gui.server.errors import NotFound, not_found
from myna.apps.gui.server.folders import show_folder
from myna.apps.gui.server.needs import AssetView
from myna.apps.gui.server.requests import Body
from myna.apps.gui.server.routes.assets import needs_of
from myna.apps.gui.server.routes.trash import TrashedView, trashed
from myna.apps.gui.server.voice_import import review_uploads
from myna.apps.gui.server.voice_jobs import (
    AddRequest,
    BlendRequest,
    DownloadRequest,
    PackOptions,
    PackRequest,
    VoiceRequest,
    clip_of,
)
from myna.apps.gui.server.wording import Wording
from myna.assets.hub import parse_address
from myna.errors import ConfigError
from myna.studio import installs
from myna.studio.importing import Part, Proposal
from myna.studio.voice_facts import VoiceFacts, size_of
from myna.studio.voices import LibraryVoice, Origin
from myna.text import printable

router = APIRouter(tags=["voices"])
Name = Annotated[str, Query(min_length=1, description="name of the voice")]
# A page saves tags and notes in two requests, which may arrive at the same time; the lock keeps both changes.
_changing = threading.Lock()


class VoiceView(BaseModel):
    """A voice. Until it is `inspected`, only its name and origin are known; an event announces the other facts."""

    name: str
    origin: Origin
    title: str
    tags: list[str]
    notes: str
    author: str | None
    licence: str | None
    cover: str | None = Field(description="a few lines by its author")
    kind: str
    family: str
    version: str | None
    speakers: list[str]
    sample_rate: int | None
    bytes: int
    pitch: dict[str, float] = Field(description="median pitch of each speaker's recordings, in Hz")
    retrieval: bool = Field(description="whether it has an index or centroids")
    inspected: bool
    problem: str | None = Field(description="why it cannot be used")
    defaults: dict[str, Any] = Field(description="its default values of ConversionOptions")
    has_test: bool
    deletable: bool
    renamable: bool
    folder: str | None
    needs: list[AssetView] = Field(description="files that it needs and that are not on this machine")
    remarks: list[str] = Field(description="corrections and assumptions that were necessary to read it")


class VoiceChanges(Body):
    """Changes to a voice; omitted fields stay the same. `defaults` replaces all default options."""

    name: str | None = None
    tags: list[str] | None = None
    notes: str | None = None
    defaults: dict[str, Any] | None = None


class ProposalView(BaseModel):
    """Files that form a voice, by the ids of their uploads."""

    weights: str
    config: str | None
    retrieval: str | None
    name: str
    sure: bool
    question: str | None = Field(description="what to check, if it is not certain that the files belong together")
    about: Part | None = Field(description="part of the voice that the question is about")
    what: str


class FoundFileView(BaseModel):
    """A file of a voice. Files fit each other if their widths are equal."""

    id: str
    name: str
    bytes: int
    what: Part
    width: int


class LeftView(BaseModel):
    file: str
    why: str


class ReviewView(BaseModel):
    files: list[FoundFileView] = Field(description="parts of voices, also those in archives")
    proposals: list[ProposalView]
    left: list[LeftView] = Field(description="files that belong to no voice")


class SentFiles(Body):
    uploads: list[str] = Field(min_length=1, max_length=200)


class FolderPath(Body):
    path: str


class FolderView(BaseModel):
    """A folder of another program, whose voices are used in place."""

    path: str
    voices: int


@router.get("/voices")
def all_voices(language: Language, studio: StudioOf) -> list[VoiceView]:
    """List all voices, the user's own first. New ones are inspected in the background."""
    return [_view(studio, voice, studio.reader.known(voice), language) for voice in studio.voices.all()]


@router.get("/voice")
def voice(name: Name, language: Language, studio: StudioOf) -> VoiceView:
    """Return a voice, after inspecting it if needed."""
    found = _find(studio, name)
    return _view(studio, found, studio.reader.read(found), language)


@router.patch("/voice")
def change(name: Name, sent: VoiceChanges, language: Language, studio: StudioOf) -> VoiceView:
    """Rename a voice, or change its tags, notes or default options.

    Default options are stored in the packed voice. The page and svc infer use them for options without a chosen value.
    """
    given = sent.model_dump(include={"tags", "notes", "defaults"}, exclude_none=True)
    with _changing:
        found = _find(studio, name)
        if given:
            studio.voices.note(found, studio.voices.notes(found).model_copy(update=given))
        if sent.name is not None and sent.name != found.name:
            found = studio.voices.rename(found.name, sent.name)
    studio.changed("voices", found.name)
    return _view(studio, found, studio.reader.read(found), language)


@router.delete("/voice")
def delete(name: Name, studio: StudioOf) -> TrashedView:
    """Move an added or downloaded voice to the trash."""
    return trashed(studio, studio.voices.throw(_find(studio, name).name))


@router.post("/voice/test", status_code=202)
def sing_test(name: Name, studio: StudioOf) -> JobView:
    """Convert a short song to a voice as its test clip. The clip is kept until the voice or its defaults change."""
    return studio.submit(voice_jobs.TEST, VoiceRequest(voice=_find(studio, name).name))


@router.get("/voice/test", response_class=FileResponse, responses=file_of("audio/flac"))
def test_audio(name: Name, studio: StudioOf) -> FileResponse:
    """Return the test clip of a voice."""
    path = clip_of(studio, _find(studio, name))
    if not path.is_file():
        raise NotFound(f"{name} has no test clip")
    return FileResponse(path, media_type="audio/flac", filename=path.name, content_disposition_type="inline")


@router.post("/voice/pack", status_code=202)
def pack(name: Name, sent: PackOptions, studio: StudioOf) -> JobView:
    """Pack a voice with all of its data into one file, which can be downloaded from the job."""
    return studio.submit(voice_jobs.PACK, PackRequest(voice=_find(studio, name).name, **sent.model_dump()))


@router.post("/voice/export", status_code=202)
def export(name: Name, studio: StudioOf) -> JobView:
    """Export a voice to ONNX; the files can be downloaded from the job."""
    return studio.submit(voice_jobs.EXPORT, VoiceRequest(voice=_find(studio, name).name))


@router.post("/voice/show", status_code=204)
def show(name: Name, studio: StudioOf) -> None:
    """Open the folder of a voice in the file manager; refused for visitors on other computers."""
    _check_local(studio)
    show_folder(_folder(_find(studio, name)))


@router.post("/voices/review")
def review(sent: SentFiles, language: Language, studio: StudioOf) -> ReviewView:
    """Recognise uploaded files by their content, and propose how to group them into voices.

    Zip archives are unpacked. Nothing is added yet: send the proposals, with corrections, to /voices/add.
    """
    found = review_uploads(studio, sent.uploads)
    say = Wording(language, "server.voice.")
    return ReviewView(
        files=[
            FoundFileView(id=one.id, name=printable(one.name), bytes=one.bytes, what=one.part, width=one.width)
            for one in found.files
        ],
        proposals=[_proposal(one, say) for one in found.proposals],
        left=[LeftView(file=printable(one.file), why=printable(one.why)) for one in found.left],
    )


@router.post("/voices/add", status_code=202)
def add(sent: AddRequest, studio: StudioOf) -> JobView:
    """Add voices to the library."""
    return studio.submit(voice_jobs.ADD, sent)


@router.post("/voices/download", status_code=202)
def download(sent: DownloadRequest, studio: StudioOf) -> JobView:
    """Download a voice from the Hugging Face hub."""
    return studio.submit(voice_jobs.DOWNLOAD, sent)


@router.post("/voices/blend", status_code=202)
def blend(sent: BlendRequest, studio: StudioOf) -> JobView:
    """Blend two voices into a new one."""
    return studio.submit(voice_jobs.BLEND, sent)


@router.get("/voices/folders")
def folders(studio: StudioOf) -> list[FolderView]:
    """List the folders of other programs whose voices are used. Visitors on other computers get an empty list."""
    _check_local(studio)
    return [_folder_view(path) for path in installs.folders(studio.workspace)]


@router.post("/voices/folder")
def add_folder(sent: FolderPath, studio: StudioOf) -> FolderView:
    """Use the voices in a folder of RVC, so-vits-svc or another program, without copying them.

    Requests from other computers are refused.
    """
    _check_local(studio)
    installs.add_folder(studio.workspace, Path(sent.path.strip()))
    studio.changed("voices")
    return _folder_view(installs.folders(studio.workspace)[-1])


@router.delete("/voices/folder", status_code=204)
def remove_folder(path: str, studio: StudioOf) -> None:
    """Remove a folder from the list; its files are kept."""
    _check_local(studio)
    installs.remove_folder(studio.workspace, Path(path))
    studio.changed("voices")


def _find(studio: Studio, name: str) -> LibraryVoice:
    with not_found():
        return studio.voices.find(name)


def _check_local(studio: Studio) -> None:
    if not studio.local:
        raise ConfigError("only visitors on the computer of this studio can use its folders")


def _folder_view(path: Path) -> FolderView:
    return FolderView(path=str(path), voices=len(installs.find_voices(path)))


def _folder(voice: LibraryVoice) -> Path:
    return voice.path if voice.path.is_dir() else voice.path.parent


def _title(voice: LibraryVoice) -> str:
    """Return the display name of a voice; for a voice from the hub, its name without the owner."""
    address = parse_address(voice.name) if voice.origin is Origin.HUB else None
    return printable(voice.name if address is None else address.repo.rpartition("/")[2])


def _view(studio: Studio, voice: LibraryVoice, known: VoiceFacts | None, language: str) -> VoiceView:
    notes, facts = studio.voices.notes(voice), known or VoiceFacts()
    return VoiceView(
        name=printable(voice.name),
        origin=voice.origin,
        title=_title(voice),
        tags=list(notes.tags),
        notes=notes.notes,
        author=facts.author,
        licence=facts.licence,
        cover=facts.cover,
        kind=facts.kind,
        family=facts.family,
        version=facts.version,
        speakers=facts.speakers,
        sample_rate=facts.sample_rate,
        bytes=size_of(voice),
        pitch={speaker: pitch.median_hz for speaker, pitch in facts.pitch.items()},
        retrieval=facts.retrieval,
        inspected=known is not None,
        problem=facts.problem,
        defaults=facts.defaults if notes.defaults is None else notes.defaults,
        has_test=clip_of(studio, voice).is_file(),
        deletable=voice.origin in (Origin.ADDED, Origin.HUB),
        renamable=voice.origin is Origin.ADDED,
        folder=printable(str(_folder(voice))) if studio.local else None,
        needs=[one for one in needs_of(facts.content_encoder, language, local=studio.local) if not one.here],
        remarks=[printable(text) for text in facts.suspicious],
    )


def _proposal(found: Proposal, say: Wording) -> ProposalView:
    question = None
    if found.question is not None:
        question = say(f"question_{found.question}", file=printable(found.file), name=printable(found.name))
    return ProposalView(
        weights=found.weights,
        config=found.config,
        retrieval=found.retrieval,
        name=printable(found.name),
        sure=found.sure,
        question=question,
        about=found.about,
        what=found.what,
    )
