"""Conversion jobs: whole songs, and stretches of songs as previews."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import Field

from myna.apps.gui.server.errors import NotFound
from myna.apps.gui.server.requests import SING, Planned, Request, plans
from myna.apps.gui.tasks.cover import CoverUpload, RemakeCover
from myna.apps.gui.tasks.singing import ConvertUpload, SingUpload
from myna.errors import ConfigError
from myna.options import ConversionOptions, names_a_file, parse_options, with_voice_defaults
from myna.studio import results, stems
from myna.studio.results import Stretch

if TYPE_CHECKING:
    from myna.apps.gui.server.context import Studio

# Kinds of jobs.
CONVERT, PREVIEW = "convert", "preview"
COVER, COVER_PREVIEW, REMAKE = "cover", "cover_preview", "remake"


class ConvertRequest(Request):
    """A song to convert."""

    upload: str = Field(description="id of the song")
    voice: str = Field(description="name of the voice")
    options: dict[str, Any] = Field({}, description="values of ConversionOptions; the voice's defaults fill gaps")
    preview: Stretch | None = Field(None, description="a stretch to convert instead of the whole song")


class CoverRequest(ConvertRequest):
    """A song with music, whose voice is to be replaced."""

    transpose_all: float = Field(
        0.0, ge=-36, le=36, description="shift of voice and music in semitones, in addition to that of the voice"
    )


class RemakeRequest(Request):
    """A cover that is to be mixed again with its pitch edits."""

    result: int = Field(description="number of the result")


@plans(CONVERT, changes=("results",))
def plan_convert(studio: Studio, request: ConvertRequest) -> Planned:
    """Plan the conversion of a whole song, or of a stretch as a preview that runs before all waiting songs.

    Raises:
        ConfigError: there is no such voice or upload, or an option has a wrong value or names a file.
    """
    return _planned(studio, request, ConvertUpload)


@plans(COVER, changes=("results",))
def plan_cover(studio: Studio, request: CoverRequest) -> Planned:
    """Plan the cover of a whole song, or of a stretch as a preview that runs before all waiting songs.

    Raises:
        ConfigError: for the same reasons as in `plan_convert`.
    """
    return _planned(studio, request, partial(CoverUpload, transpose_all=request.transpose_all))


plans(PREVIEW, changes=("results",))(plan_convert)
plans(COVER_PREVIEW, changes=("results",))(plan_cover)


@plans(REMAKE, changes=("results",))
def plan_remake(studio: Studio, request: RemakeRequest) -> Planned:
    """Plan a new mix of a cover with its pitch edits.

    Raises:
        NotFound: the result does not exist, or is not a cover.
    """
    found = results.find(studio.workspace, request.result)
    if found is None or stems.original_voice(studio.workspace, request.result) is None:
        raise NotFound(f"there is no cover {request.result}")
    voice = studio.voices.find(found.voice)
    return Planned(
        SING,
        RemakeCover(voice=voice, workspace=studio.workspace, result=found),
        title=f"{found.song} → {found.voice}",
        about={"voice": voice.name, "song": found.song, "result": found.number},
        first=True,
    )


def _planned(studio: Studio, request: ConvertRequest, task: Callable[..., SingUpload]) -> Planned:
    song, voice = studio.uploads.find(request.upload), studio.voices.find(request.voice)
    noted = studio.voices.notes(voice).defaults
    chosen = parse_options(ConversionOptions, with_voice_defaults(request.options, noted or {}))
    if names_a_file(chosen):
        raise ConfigError("the page reads no files of this computer; use svc infer in a terminal")
    given = {name: getattr(chosen, name) for name, value in request.options.items() if value not in (None, "")}
    return Planned(
        SING,
        task(
            workspace=studio.workspace,
            voice=voice,
            song=song.path,
            options=given,
            noted=noted,
            preview=request.preview,
        ),
        title=f"{song.name} → {voice.name}",
        about={"voice": voice.name, "upload": song.id, "song": song.name},
        first=request.preview is not None,
        finish=lambda number: {"result": number},
    )
