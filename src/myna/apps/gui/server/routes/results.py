"""Conversion results."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import BaseModel, Field

from myna.apps.gui.server.archives import zipped
from myna.apps.gui.server.context import Language, Studio, StudioOf
from myna.apps.gui.server.description import file_of
from myna.apps.gui.server.downloads import downloadable
from myna.apps.gui.server.errors import NotFound
from myna.apps.gui.server.routes.trash import TrashedView, trashed
from myna.apps.gui.server.routes.uploads import UploadView
from myna.apps.gui.server.views import note_name
from myna.apps.gui.server.wording import Wording
from myna.apps.gui.tasks.singing import DrawComparison
from myna.config import VOICE_BOUNDS
from myna.studio import results, stems
from myna.studio.pitch_editing import needs_mix
from myna.studio.results import Result, Stretch
from myna.text import printable

router = APIRouter(tags=["results"])
Format = Literal["wav", "flac", "mp3"]
_HEARD_DB = 0.05  # smaller changes of level are inaudible, so they cause no remark
_TYPES = {"wav": "audio/wav", "flac": "audio/flac", "mp3": "audio/mpeg", "ogg": "audio/ogg"}


class ResultView(BaseModel):
    """The result of a conversion."""

    number: int
    song: str
    voice: str
    seconds: float
    transpose: float = Field(description="total shift in semitones")
    made_at: str
    preview: bool
    stretch: Stretch | None = Field(description="the stretch of the song that a preview converts")
    command: str = Field(description="the command line that makes the same conversion")
    options: dict[str, Any] = Field(description="values of ConversionOptions that differ from the usual ones")
    defaults: dict[str, Any] = Field(description="those of them that are defaults of the voice")
    remarks: list[str]
    transpose_all: float = Field(description="shift of voice and music of a cover, in addition to that of the voice")
    has_tracks: bool = Field(description="whether it is a mix of stems; see GET /results/{number}/tracks")
    needs_mix: bool = Field(description="whether it is a cover whose mix lacks its last pitch edits")
    job: int | None


@router.get("/results")
def all_results(language: Language, studio: StudioOf) -> list[ResultView]:
    """List all results, newest first. Only the latest preview of each song is kept."""
    say, jobs = _wording(language), _jobs(studio)
    return [_view(studio, found, say, jobs.get(found.number)) for found in results.listed(studio.workspace)]


@router.get("/results/archive", response_class=StreamingResponse, responses=file_of("application/zip"))
def archive(
    studio: StudioOf,
    numbers: Annotated[str | None, Query(description="comma-separated; all results if not given")] = None,
    format: Format = "wav",
) -> StreamingResponse:
    """Return several results as one zip file."""
    if numbers is None:
        found = [one for one in results.listed(studio.workspace) if one.preview is None]
    else:
        found = [find_result(studio, int(number)) for number in numbers.split(",") if number.strip().isdigit()]
    if not found:
        raise NotFound("there are no results to download")
    files = [(one.path.with_suffix(f".{format}").name, downloadable(studio, one, format)) for one in found]
    headers = {"content-disposition": 'attachment; filename="myna.zip"'}
    return StreamingResponse(zipped(files), media_type="application/zip", headers=headers)


@router.get("/results/{number}")
def result(number: int, language: Language, studio: StudioOf) -> ResultView:
    """Return one result."""
    found = find_result(studio, number)
    return _view(studio, found, _wording(language), _jobs(studio).get(number))


@router.get("/results/{number}/comparison")
def comparison(number: int, request: Request, language: Language, studio: StudioOf) -> dict[str, Any]:
    """Return the data for showing and playing a result beside its song; the tracks have the key `url`."""
    one = find_result(studio, number)
    found = results.comparison(studio.workspace, number)
    if found is not None and not results.is_drawn(studio.workspace, one):
        studio.call(DrawComparison(studio.workspace, one))
        found = results.comparison(studio.workspace, number)
    if found is None:
        raise NotFound(_wording(language)("not_drawn", number=number))
    base = str(request.url.path).removesuffix("comparison")
    urls = (f"{base}source?playable=1", f"{base}audio")
    tracks = [
        {**{name: value for name, value in track.items() if name != "path"}, "url": url}
        for track, url in zip(found.get("tracks", []), urls, strict=False)
    ]
    return {**found, "tracks": tracks}


@router.get("/results/{number}/audio", response_class=FileResponse, responses=file_of("audio/*"))
def audio(
    number: int,
    studio: StudioOf,
    format: Annotated[Format | None, Query(description="the stored one if not given")] = None,
    download: bool = False,
) -> FileResponse:
    """Return the sound of a result."""
    found = find_result(studio, number)
    path = downloadable(studio, found, format or found.path.suffix.removeprefix("."))
    return _sound(path, found.path.with_suffix(path.suffix).name, download)


@router.get("/results/{number}/source", response_class=FileResponse, responses=file_of("*/*"))
def source(number: int, studio: StudioOf, playable: bool = False, download: bool = False) -> FileResponse:
    """Return the song of a result or, for a preview, the converted stretch of the song.

    With `playable`, the format is one that all browsers can play.
    """
    path = results.source(studio.workspace, find_result(studio, number))
    drawn = results.comparison(studio.workspace, number)
    if playable and drawn is not None:
        copy = path.parent / Path(drawn["tracks"][0]["path"]).name
        path = copy if copy.is_file() else path
    return _sound(path, path.name, download)


@router.post("/results/{number}/reuse")
def reuse(
    number: int,
    studio: StudioOf,
    source: Annotated[bool, Query(description="take the song of the result instead of the result")] = False,
) -> UploadView:
    """Make a new upload from a result, or from its song, for another conversion."""
    found = find_result(studio, number)
    path = results.source(studio.workspace, found) if source else found.path
    upload = studio.uploads.reserve(found.song if source else found.path.name)
    try:
        os.link(path, upload.path)  # neither file changes later, so they can share their content
    except OSError:  # another disk, or a file system without links
        shutil.copyfile(path, upload.path)
    return UploadView(id=upload.id, name=upload.name, bytes=upload.path.stat().st_size)


@router.delete("/results/{number}")
def delete(number: int, studio: StudioOf) -> TrashedView:
    """Move a result to the trash."""
    return trashed(studio, results.throw(studio.workspace, find_result(studio, number)))


def find_result(studio: Studio, number: int) -> Result:
    """Find a result.

    Raises:
        NotFound: there is no result with that number.
    """
    found = results.find(studio.workspace, number)
    if found is None:
        raise NotFound(f"there is no result {number}")
    return found


def _jobs(studio: Studio) -> dict[int, int]:
    """Map the number of each result to the number of its job, for jobs in the list."""
    return {job.about["result"]: job.id for job in studio.list.all() if "result" in job.about}


def _wording(language: str) -> Wording:
    return Wording(language, "server.result.")


def _view(studio: Studio, found: Result, say: Wording, job: int | None) -> ResultView:
    made_at, has_tracks = found.made_at, stems.find_stems(studio.workspace, found.number) is not None
    if made_at is None:  # an older record
        made_at = found.path.stat().st_mtime
    return ResultView(
        number=found.number,
        song=printable(found.song),
        voice=printable(found.voice),
        seconds=found.seconds,
        transpose=found.transpose,
        made_at=datetime.fromtimestamp(made_at, UTC).isoformat(),
        preview=found.preview is not None,
        stretch=found.preview,
        command=printable(studio.shown(found.command)),
        options=found.options,
        defaults=found.defaults,
        transpose_all=found.transpose_all,
        remarks=list(_remarks(found, say, has_tracks)),
        needs_mix=has_tracks and needs_mix(studio.workspace, found),
        has_tracks=has_tracks,
        job=job,
    )


def _remarks(found: Result, say: Wording, in_mix: bool) -> list[str]:
    """Describe the pitch of a result, and changes of level or octave that keep it within limits."""
    remarks = [_pitch_remark(found, say)]
    if found.turned_down_db >= _HEARD_DB and not in_mix:  # a mix matches the level to the original voice's
        remarks.append(say("turned_down", db=found.turned_down_db))
    if found.lowered_seconds:
        remarks.append(say("lowered", seconds=found.lowered_seconds, note=note_name(VOICE_BOUNDS.high_hz)))
    if found.raised_seconds:
        remarks.append(say("raised", seconds=found.raised_seconds, note=note_name(VOICE_BOUNDS.low_hz)))
    return remarks


def _pitch_remark(found: Result, say: Wording) -> str:
    if found.source_hz is None:
        return say("no_pitch")
    text = say("shifted", semitones=found.transpose) if found.transpose else say("same_key")
    if found.voice_hz is None:
        return text
    from myna.units import semitones_to_ratio  # imports NumPy

    sung_hz = found.source_hz * semitones_to_ratio(found.transpose)
    around = say("around", note=note_name(sung_hz), voice=printable(found.voice), voice_note=note_name(found.voice_hz))
    return f"{text} {around}"


def _sound(path: Path, name: str, download: bool) -> FileResponse:
    disposition = "attachment" if download else "inline"
    media_type = _TYPES.get(path.suffix.lower().lstrip("."))
    return FileResponse(path, filename=name, content_disposition_type=disposition, media_type=media_type)
