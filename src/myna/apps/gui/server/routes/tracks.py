"""The stems of a result as tracks: samples, outlines and levels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from myna.apps.gui.server.context import JobView, Language, Studio, StudioOf
from myna.apps.gui.server.description import file_of
from myna.apps.gui.server.errors import NotFound
from myna.apps.gui.server.requests import Body
from myna.apps.gui.server.routes.results import find_result
from myna.apps.gui.server.singing import REMAKE, RemakeRequest
from myna.apps.gui.server.wording import Wording
from myna.errors import ConfigError
from myna.studio import stems
from myna.studio.stems import Level, Stem, Stems

router = APIRouter(tags=["results"])
MOST_SAMPLES = 1 << 20  # limit on the samples of each channel in one answer
BYTES = "application/octet-stream"


class TrackView(BaseModel):
    """A stem."""

    name: str
    title: str
    main: bool = Field(description="the sung voice")
    in_original: bool = Field(description="a part of the song as it was")
    channels: int
    samples: str = Field(description="address of its samples")
    outline: str = Field(description="address of its outline")
    level: Level


class TracksView(BaseModel):
    """The stems of a result, which all have the same start and the same length."""

    sample_rate: int
    seconds: float
    tracks: list[TrackView]


class Mix(Body):
    """Levels of stems by name; stems that are left out keep their levels."""

    levels: dict[str, Level]


@router.get("/results/{number}/tracks")
def tracks(number: int, request: Request, language: Language, studio: StudioOf) -> TracksView:
    """Return the stems of a result and their levels in the mix."""
    found = _find(studio, number)
    levels = stems.levels_of(studio.workspace, number, found)
    say, voice = Wording(language, "server.stem."), find_result(studio, number).voice
    base, folder = str(request.url.path), stems.folder(studio.workspace, number)
    views = [
        TrackView(
            name=stem.name,
            title=say(stem.name, voice=voice),
            main=stem.name == stems.VOICE,
            in_original=stem.in_original,
            channels=stem.channels,
            samples=samples_address(base, folder, stem),
            outline=_address(base, folder, stem, "outline"),
            level=levels[stem.name],
        )
        for stem in found.stems
    ]
    return TracksView(sample_rate=found.sample_rate, seconds=found.n_samples / found.sample_rate, tracks=views)


@router.get("/results/{number}/tracks/{name}/samples", response_class=Response, responses=file_of(BYTES))
def samples(
    number: int,
    name: str,
    studio: StudioOf,
    first: Annotated[int, Query(ge=0, description="first sample")],
    count: Annotated[int, Query(ge=1, le=MOST_SAMPLES, description="number of samples of each channel")],
    version: str | None = None,
) -> Response:
    """Return samples of a stem: interleaved signed 16-bit integers, little-endian; 16384 is full scale.

    At the end of the stem, fewer than `count` samples are returned.
    """
    from myna.apps.gui.server.sounds import pcm

    path, gain = _sound(studio, number, name)
    return Response(pcm(path, first, count, gain), media_type=BYTES)


@router.get("/results/{number}/tracks/{name}/outline", response_class=Response, responses=file_of(BYTES))
def outline(number: int, name: str, studio: StudioOf, version: str | None = None) -> Response:
    """Return the peak of each hundredth of a second of a stem as one byte; 255 is full scale."""
    from myna.apps.gui.server.sounds import outline_of

    return Response(outline_of(*_sound(studio, number, name)), media_type=BYTES)


@router.put("/results/{number}/mix", status_code=204)
def mix(number: int, sent: Mix, studio: StudioOf) -> None:
    """Set the levels of the stems. Later downloads of the result have these levels; nothing is converted again."""
    found = _find(studio, number)
    known = {stem.name for stem in found.stems}
    if unknown := sorted(sent.levels.keys() - known):
        raise ConfigError(f"there is no track {unknown[0]}; this result has: {', '.join(sorted(known))}")
    stems.keep_levels(studio.workspace, number, stems.levels_of(studio.workspace, number, found) | dict(sent.levels))


@router.post("/results/{number}/remake", status_code=202)
def remake(number: int, studio: StudioOf) -> JobView:
    """Mix a cover again, with its pitch edits. Only stages whose input has changed are computed again."""
    return studio.submit(REMAKE, RemakeRequest(result=number))


def samples_address(tracks: str, folder: Path, stem: Stem) -> str:
    """Return the address of the samples of a stem.

    Args:
        tracks: address of the tracks of the result.
        folder: folder of the stems of the result.
        stem: the stem.
    """
    return _address(tracks, folder, stem, "samples")


def _address(tracks: str, folder: Path, stem: Stem, what: str) -> str:
    # The file's time in the address makes a page load the samples again after an edit.
    return f"{tracks}/{stem.name}/{what}?version={(folder / stem.file).stat().st_mtime_ns}"


def _find(studio: Studio, number: int) -> Stems:
    find_result(studio, number)
    found = stems.find_stems(studio.workspace, number)
    if found is None:
        raise NotFound(f"result {number} has no tracks: it was sung from a voice alone")
    return found


def _sound(studio: Studio, number: int, name: str) -> tuple[Path, float]:
    """Return the file of a stem, and the gain to apply to it."""
    for stem in _find(studio, number).stems:
        if stem.name == name:
            return stems.folder(studio.workspace, number) / stem.file, stem.gain
    raise NotFound(f"there is no track {name}")
