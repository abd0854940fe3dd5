"""Conversion jobs: whole songs, and previews of a stretch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from myna.apps.gui.server.requests import SING, Planned, Request, plans
from myna.apps.gui.tasks.singing import ConvertUpload
from myna.errors import ConfigError
from myna.options import ConversionOptions, names_a_file, parse_options, with_voice_defaults
from myna.studio.results import Stretch

if TYPE_CHECKING:
    from myna.apps.gui.server.context import Studio

CONVERT, PREVIEW = "convert", "preview"  # kinds of jobs


class ConvertRequest(Request):
    """A song to convert."""

    upload: str = Field(description="id of the song")
    voice: str = Field(description="name of the voice")
    options: dict[str, Any] = Field({}, description="values of ConversionOptions; the voice's defaults fill gaps")
    preview: Stretch | None = Field(None, description="a stretch to convert instead of the whole song")


@plans(CONVERT, changes=("results",))
def plan_convert(studio: Studio, request: ConvertRequest) -> Planned:
    """Plan the conversion of a whole song, or of a stretch before all waiting songs.

    Raises:
        ConfigError: there is no such voice or upload, or an option has no such value, or names a file.
    """
    song, voice = studio.uploads.find(request.upload), studio.voices.find(request.voice)
    noted = studio.voices.notes(voice).defaults
    chosen = parse_options(ConversionOptions, with_voice_defaults(request.options, noted or {}))
    if names_a_file(chosen):
        raise ConfigError("the page reads no files of this computer; use svc infer in a terminal")
    given = {name: getattr(chosen, name) for name, value in request.options.items() if value not in (None, "")}
    return Planned(
        SING,
        ConvertUpload(
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


plans(PREVIEW, changes=("results",))(plan_convert)
