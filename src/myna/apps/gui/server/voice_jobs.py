"""Jobs that add, download, test, blend, pack and export voices, and fetch pretrained files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from myna.apps.actions.pack import SUFFIX, CardText
from myna.apps.gui.server.requests import KEEP, SING, Body, Planned, Request, plans
from myna.apps.gui.tasks.keeping import DownloadVoice, ExportVoice, PackVoice
from myna.apps.gui.tasks.voices import AddVoices, BlendVoices, FetchAsset, NewVoice, SingTest
from myna.assets import ASSETS, BASE_WEIGHTS
from myna.assets.hub import read_address
from myna.errors import ConfigError
from myna.studio.voice_facts import test_clip
from myna.studio.workspace import safe_name

if TYPE_CHECKING:
    from myna.apps.gui.server.context import Studio
    from myna.studio.voices import LibraryVoice

ADD, DOWNLOAD, TEST, BLEND, PACK, EXPORT, FETCH = "add", "download", "test", "blend", "pack", "export", "fetch"


class VoiceRequest(Request):
    voice: str = Field(description="name of the voice")


class ProposedVoice(Request):
    """Files of a voice to add, by the ids of their uploads."""

    weights: str
    config: str | None = None
    retrieval: str | None = None
    name: str = Field(min_length=1)


class AddRequest(Request):
    proposals: list[ProposedVoice] = Field(min_length=1, max_length=200)


class DownloadRequest(Request):
    address: str = Field(description="owner/name on the Hugging Face hub, or hf://owner/name/path/to/weights")


class BlendRequest(Request):
    """Two voices of the same architecture, trained from the same base weights."""

    one: str
    other: str
    share: float = Field(0.5, ge=0, le=1, description="share of the other voice")
    name: str = Field(min_length=1)


class PackOptions(Body):
    """Options of packing a voice. An empty text keeps the text that the voice already has."""

    half: bool = Field(False, description="store float16: half the size, no audible difference")
    release: bool = Field(False, description="leave out what only training needs")
    index: bool = Field(True, description="include the index or the centroids")
    licence: str = ""
    author: str = ""
    cover: str = Field("", description="a few lines about the voice")


class PackRequest(VoiceRequest, PackOptions): ...


class FetchRequest(Request):
    name: str = Field(description="name of a pretrained file, from GET /assets")


@plans(ADD, changes=("voices",))
def plan_add(studio: Studio, request: AddRequest) -> Planned:
    """Plan to add voices to the library.

    Raises:
        NoSuchUpload: an upload has expired.
        ConfigError: a name cannot be used as a file name.
    """
    voices, used = [], []
    for one in request.proposals:
        ids = [id for id in (one.weights, one.config, one.retrieval) if id is not None]
        voices.append(NewVoice(safe_name(one.name), tuple(studio.uploads.find(id).path for id in ids)))
        used += ids
    names = ", ".join(voice.name for voice in voices)

    def finish(added: list[str]) -> dict[str, Any]:
        for id in used:  # the library has copies of these files now
            studio.uploads.delete(id)
        return {"voices": added, "voice": added[0]}

    return Planned(KEEP, AddVoices(studio.workspace, tuple(voices)), names, finish=finish)


@plans(DOWNLOAD, changes=("voices",))
def plan_download(studio: Studio, request: DownloadRequest) -> Planned:
    """Plan to download a voice from the hub.

    Raises:
        AssetError: the text is not an address.
    """
    address = read_address(request.address.strip())
    return Planned(KEEP, DownloadVoice(address), str(address), finish=lambda name: {"voice": name})


@plans(TEST, changes=("voices",))
def plan_test(studio: Studio, request: VoiceRequest) -> Planned:
    """Plan to convert the test clip to a voice; the job runs before all waiting songs.

    Raises:
        ConfigError: there is no such voice.
    """
    voice = studio.voices.find(request.voice)
    noted = studio.voices.notes(voice).defaults
    task = SingTest(voice=voice, into=clip_of(studio, voice), noted=noted)
    return Planned(SING, task, voice.name, {"voice": voice.name}, first=True)


@plans(BLEND, changes=("voices",))
def plan_blend(studio: Studio, request: BlendRequest) -> Planned:
    """Plan to blend two voices into a new one.

    Raises:
        ConfigError: a voice does not exist, both are the same, or the name of the new voice cannot be used.
    """
    one, other = studio.voices.find(request.one), studio.voices.find(request.other)
    if one == other:
        raise ConfigError("choose two different voices to blend")
    name = safe_name(request.name)
    task = BlendVoices(workspace=studio.workspace, one=one, other=other, share=request.share, name=name)
    return Planned(KEEP, task, f"{one.name} + {other.name} → {name}", finish=lambda made: {"voice": made})


@plans(PACK)
def plan_pack(studio: Studio, request: PackRequest) -> Planned:
    """Plan to write a voice as one file, for download.

    Raises:
        ConfigError: there is no such voice.
    """
    voice = studio.voices.find(request.voice)
    task = PackVoice(
        voice=voice,
        path=_new_file(studio, voice, SUFFIX),
        half=request.half,
        release=request.release,
        index=request.index,
        card=CardText(request.licence, request.author, request.cover),
        defaults=studio.voices.notes(voice).defaults,
    )
    return Planned(KEEP, task, voice.name, {"voice": voice.name}, finish=_files)


@plans(EXPORT)
def plan_export(studio: Studio, request: VoiceRequest) -> Planned:
    """Plan to export a voice to ONNX, for download.

    Raises:
        ConfigError: there is no such voice.
    """
    voice = studio.voices.find(request.voice)
    task = ExportVoice(voice=voice, path=_new_file(studio, voice, ".onnx"))
    return Planned(KEEP, task, voice.name, {"voice": voice.name}, finish=_files)


@plans(FETCH, changes=("assets", "voices", "projects"))
def plan_fetch(studio: Studio, request: FetchRequest) -> Planned:
    """Plan to download a pretrained file.

    Raises:
        ConfigError: the file is unknown, or has no address on the hub.
    """
    if request.name in ASSETS:
        return Planned(KEEP, FetchAsset(request.name, "asset"), request.name, {"asset": request.name})
    template = request.name.removeprefix("base ")  # `svc doctor` uses the same names for base weights
    if BASE_WEIGHTS.get(template):
        return Planned(KEEP, FetchAsset(template, "base"), request.name, {"asset": template})
    raise ConfigError(f"no pretrained file {request.name!r} that could be downloaded")


def clip_of(studio: Studio, voice: LibraryVoice) -> Path:
    """Return the path of the test clip of a voice; the file may not exist."""
    return test_clip(studio.workspace, voice, studio.voices.notes(voice).defaults or {})


def _new_file(studio: Studio, voice: LibraryVoice, suffix: str) -> Path:
    """Return the path for a new download file, in its own folder."""
    stem = Path(voice.name).name.removesuffix(suffix)
    return studio.workspace.made / str(time.time_ns()) / f"{safe_name(stem)}{suffix}"


def _files(made: list[Path]) -> dict[str, Any]:
    return {"files": [str(path) for path in made]}
