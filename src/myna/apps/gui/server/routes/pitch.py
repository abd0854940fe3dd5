"""The pitch of a result: its notes, its edits, and the sound with the edits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from myna.apps.gui.server.context import Language, Studio, StudioOf
from myna.apps.gui.server.description import file_of
from myna.apps.gui.server.requests import SING, Body
from myna.apps.gui.server.routes.results import find_result
from myna.apps.gui.server.routes.tracks import BYTES, MOST_SAMPLES, samples_address
from myna.apps.gui.server.wording import Wording
from myna.apps.gui.tasks.pitch import EditedPitch, OpenPitch, SingEdits
from myna.scales import CHROMATIC, NAMES, Scale
from myna.studio import stems
from myna.studio.pitch_editing import PitchFiles, pitch_files

router = APIRouter(tags=["results"])
_MOST_SECONDS = 60.0  # limit on the length of a spectrogram in one answer
_LONGEST_SECONDS = 86400.0  # limit on the length of a song


class SoundView(BaseModel):
    """A sound of the editor."""

    name: str = Field(description="edited or unedited; of a cover, also the tracks that are mixed with the voice")
    channels: int
    sample_rate: int
    samples: str = Field(description="address of its samples, as of GET /results/{number}/tracks")
    volume: float = Field(1.0, description="at which it is as loud relative to the voice as in the mix")


class NoteView(BaseModel):
    """A note of the unedited song, and the pitch that the edits give it."""

    start: float
    end: float
    pitch: float = Field(description="median, as a MIDI note number")


class KeyView(BaseModel):
    name: str
    title: str
    pitch_classes: list[int] = Field(description="0 is C, 11 is B")


class PitchView(BaseModel):
    """The pitch of a result; the centre of frame t of a curve is at (t + 0.5) * frame_seconds."""

    seconds: float
    sample_rate: int
    tracks: list[SoundView]
    frame_seconds: float
    before: list[int] = Field(description="pitch without edits, in hundredths of a MIDI note; 0 where unvoiced")
    after: list[int] = Field(description="the same with the edits")
    notes: list[NoteView]
    edits: list[dict[str, Any]] = Field(description="as in a file of `svc infer --pitch`")
    key: str | None = Field(description="name of the key that the melody seems to have")
    keys: list[KeyView]
    spectrum: str = Field(description="address of the spectrogram")
    changed: list[tuple[float, float]] = Field(description="stretches that have been sung again, in seconds")


class PitchEditsBody(Body):
    """A file of pitch edits."""

    format: int = 1
    edits: list[dict[str, Any]]


@router.get("/results/{number}/pitch")
def pitch(number: int, request: Request, language: Language, studio: StudioOf) -> PitchView:
    """Return the pitch of a result for the pitch editor.

    If another result was edited in the meantime, the pitch is measured again, which takes some seconds per minute of
    the song.
    """
    found = find_result(studio, number)
    voice = studio.voices.find(found.voice)
    view = studio.call(OpenPitch(voice=voice, workspace=studio.workspace, result=found), SING)
    return _view(studio, number, view, str(request.url.path), language)


@router.put("/results/{number}/pitch")
def edit(number: int, sent: PitchEditsBody, request: Request, language: Language, studio: StudioOf) -> PitchView:
    """Replace the edits of a result. Only the phrases that change are converted again; `changed` lists them."""
    found = find_result(studio, number)
    voice = studio.voices.find(found.voice)
    edits = sent.model_dump()
    view = studio.call(SingEdits(voice=voice, workspace=studio.workspace, result=found, edits=edits), SING)
    studio.changed("results")  # the list shows which mixes lack the last edits
    return _view(studio, number, view, str(request.url.path), language)


@router.get("/results/{number}/pitch/{which}/samples", response_class=Response, responses=file_of(BYTES))
def samples(
    number: int,
    which: Literal["edited", "unedited"],
    studio: StudioOf,
    first: Annotated[int, Query(ge=0, description="first sample")],
    count: Annotated[int, Query(ge=1, le=MOST_SAMPLES, description="number of samples")],
    version: str | None = None,
) -> Response:
    """Return samples of the conversion with or without the edits, like GET /results/{number}/tracks/{name}/samples."""
    from myna.apps.gui.server.sounds import pcm

    return Response(pcm(_path(_files(studio, number), which), first, count), media_type=BYTES)


@router.get("/results/{number}/pitch/spectrum", response_class=Response, responses=file_of(BYTES))
def spectrum(
    number: int,
    studio: StudioOf,
    start: Annotated[float, Query(ge=0, le=_LONGEST_SECONDS)],
    seconds: Annotated[float, Query(gt=0, le=_MOST_SECONDS)],
    version: str | None = None,
) -> Response:
    """Return the spectrogram of a part of the source: one byte for each level, row after row.

    The rows go from C7 down to C1, four per semitone; there are 50 columns per second. The header X-Rows has the number
    of rows.
    """
    from myna.apps.gui.server.sounds import note_spectrum
    from myna.evaluation.drawing.note_spectrum import N_ROWS

    levels = note_spectrum(_files(studio, number).sung, start, seconds)
    return Response(levels, media_type=BYTES, headers={"x-rows": str(N_ROWS)})


def _files(studio: Studio, number: int) -> PitchFiles:
    return pitch_files(studio.workspace, find_result(studio, number))


def _path(files: PitchFiles, which: str) -> Path:
    return files.sung if which == "edited" else files.unedited


def _view(studio: Studio, number: int, found: EditedPitch, base: str, language: str) -> PitchView:
    files, say = _files(studio, number), Wording(language, "server.pitch.")
    version = files.sung.stat().st_mtime_ns  # changes with each edit, so that a page loads the new samples
    tracks = [
        SoundView(
            name=name,
            channels=1,
            sample_rate=found.sample_rate,
            samples=f"{base}/{name}/samples?version={version if name == 'edited' else 0}",
        )
        for name in ("edited", "unedited")
    ]
    tracks += _other_sounds(studio, number, base.removesuffix("pitch"))
    return PitchView(
        seconds=found.seconds,
        sample_rate=found.sample_rate,
        tracks=tracks,
        frame_seconds=found.frame_seconds,
        before=found.before,
        after=found.after,
        notes=[NoteView(start=start, end=end, pitch=pitch) for start, end, pitch in found.notes],
        edits=found.edits,
        key=found.key,
        keys=_keys(say),
        spectrum=f"{base}/spectrum?version={version}",
        changed=found.changed,
    )


def _other_sounds(studio: Studio, number: int, base: str) -> list[SoundView]:
    """Return the sounds that are mixed with the voice of a cover; none for a result that is not a cover."""
    from myna.apps.gui.server.sounds import relative_level

    record, place = stems.find_stems(studio.workspace, number), stems.folder(studio.workspace, number)
    if record is None:
        return []
    voice = next(stem for stem in record.stems if stem.name == stems.VOICE)
    volume = relative_level(_files(studio, number).unedited, place / voice.file) / voice.gain
    return [
        SoundView(
            name=stem.name,
            channels=stem.channels,
            sample_rate=record.sample_rate,
            samples=samples_address(f"{base}tracks", place, stem),
            volume=volume,
        )
        for stem in record.stems
        if stem.name not in (stems.VOICE, stems.ORIGINAL)
    ]


def _keys(say: Wording) -> list[KeyView]:
    scales = [Scale.of(tonic, is_minor) for is_minor in (False, True) for tonic in range(len(NAMES))]
    views = [KeyView(name=CHROMATIC, title=say("chromatic"), pitch_classes=list(range(12)))]
    for scale in scales:
        tonic = scale.name.removesuffix("m").replace("#", "♯").replace("b", "♭")
        title = say("minor" if scale.name.endswith("m") else "major", tonic=tonic)
        views.append(KeyView(name=scale.name, title=title, pitch_classes=list(scale.pitch_classes)))
    return views
