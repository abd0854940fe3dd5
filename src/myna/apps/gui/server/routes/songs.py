"""Uploaded songs: facts, keys for a voice, and conversion."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from myna.apps.gui.server.context import JobView, Language, StudioOf
from myna.apps.gui.server.singing import CONVERT, COVER, COVER_PREVIEW, PREVIEW, ConvertRequest, CoverRequest
from myna.apps.gui.server.song_facts import content_of, facts_of
from myna.apps.gui.server.views import note_name, times
from myna.apps.gui.server.wording import Wording
from myna.studio.song_content import Content, decide
from myna.studio.songs import Key, OutOfRange, SongProblem, Span, keys_of, out_of_range, problems

router = APIRouter(tags=["songs"])
_TEXTS = "server.song."


class WarningView(BaseModel):
    """A warning about a song, shown before it is converted."""

    kind: str = Field(description="silent, music, clipped, noise or range")
    text: str
    spans: list[Span] = Field(description="stretches that it is about, (start, end) in seconds")


class StretchView(BaseModel):
    start: float
    seconds: float


class SongView(BaseModel):
    """Facts about a song. Pitches are the median and the 5th and 95th percentiles of the voiced frames."""

    seconds: float
    channels: int
    sample_rate: int
    median_hz: float | None
    low_hz: float | None
    high_hz: float | None
    peaks: list[float] = Field(description="at most 1,000 peaks, 0 to 1, of equal stretches")
    loudest: StretchView | None = Field(description="the loudest sung 15 s; null if nothing is sung")
    warnings: list[WarningView]


class ContentView(BaseModel):
    """Whether a song is a voice with music, or only a voice."""

    content: Content | None = Field(description="null if it is not clear")
    text: str


class KeyChoice(BaseModel):
    """A shift of the song. Octaves keep its key."""

    transpose: int = Field(description="semitones")
    kind: str = Field(description="same, octave or closest")
    title: str
    out_of_range: WarningView | None = Field(description="notes that are too high or too low for the voice")


class KeyView(BaseModel):
    """Possible keys for converting a song to a voice; `out_of_range` belongs to the best key."""

    source_hz: float | None
    voice_hz: float | None
    source_note: str | None
    voice_note: str | None
    choices: list[KeyChoice]
    best: int
    out_of_range: WarningView | None


@router.get("/songs/{upload}/facts")
def facts(upload: str, language: Language, studio: StudioOf) -> SongView:
    """Measure an uploaded song: its pitch, waveform and loudest stretch, and defects that may impair its conversion.

    The first request takes about a second per minute of the song. Pitch takes at most ten seconds, because it is
    measured in at most ten minutes of the song. The answer is stored.
    """
    found, say = facts_of(studio, upload), Wording(language, _TEXTS)
    pitch = found.pitch
    return SongView(
        seconds=found.seconds,
        channels=found.channels,
        sample_rate=found.sample_rate,
        median_hz=pitch.median_hz if pitch else None,
        low_hz=pitch.low_hz if pitch else None,
        high_hz=pitch.high_hz if pitch else None,
        peaks=found.peaks,
        loudest=_stretch(found.loudest) if pitch else None,
        warnings=[_warning(problem, say) for problem in problems(found)],
    )


@router.get("/songs/{upload}/content")
def content(upload: str, language: Language, studio: StudioOf) -> ContentView:
    """Measure whether an uploaded song has music, or only a voice.

    The first request separates ten seconds of the song, which takes two seconds. The answer is stored.
    """
    facts, measured, say = facts_of(studio, upload), content_of(studio, upload), Wording(language, _TEXTS)
    found = decide(facts, measured)
    key = "has_no_voice" if not measured.has_voice else f"has_{found or 'unclear'}"
    return ContentView(content=found, text=say(key))


@router.get("/songs/{upload}/key")
def key(
    upload: str,
    voice: Annotated[str, Query(description="name of the voice")],
    language: Language,
    studio: StudioOf,
    speaker: Annotated[str | None, Query(description="a speaker of the voice; the first one if not given")] = None,
) -> KeyView:
    """Compare the pitch of a song with that of a voice, and propose keys. The best key keeps the key of the music."""
    song, say = facts_of(studio, upload), Wording(language, _TEXTS)
    found = studio.voices.find(voice)
    pitch = studio.reader.read(found).pitch_of(speaker)
    keys = keys_of(song.pitch, pitch)

    def choice(key: Key) -> KeyChoice:
        beyond = out_of_range(song, pitch, key.transpose)
        return KeyChoice(
            transpose=key.transpose, kind=key.kind, title=_title(key, say), out_of_range=_range(beyond, found.name, say)
        )

    choices = [choice(one) for one in keys.choices]
    return KeyView(
        source_hz=song.pitch.median_hz if song.pitch else None,
        voice_hz=pitch.median_hz if pitch else None,
        source_note=note_name(song.pitch.median_hz) if song.pitch else None,
        voice_note=note_name(pitch.median_hz) if pitch else None,
        choices=choices,
        best=keys.best,
        out_of_range=choices[keys.best].out_of_range,
    )


@router.post("/convert", status_code=202)
def convert(sent: ConvertRequest, studio: StudioOf) -> JobView:
    """Convert an uploaded song to a voice.

    With `preview`, only a stretch is converted, and the job runs before all waiting songs. The result is listed in GET
    /results when the job is done; the number of the result is in the job's `about`.
    """
    return studio.submit(CONVERT if sent.preview is None else PREVIEW, sent)


@router.post("/cover", status_code=202)
def cover(sent: CoverRequest, studio: StudioOf) -> JobView:
    """Replace the voice of an uploaded song: separate voice and music, convert the voice, and mix both.

    With `preview`, use only a stretch of the song; the job runs before all waiting songs. The job's `facts` contain the
    `step`: its name (separate, sing or mix), its number, and the number of steps. The result has tracks.
    """
    return studio.submit(COVER if sent.preview is None else COVER_PREVIEW, sent)


def _stretch(span: Span) -> StretchView:
    return StretchView(start=span.start, seconds=round(span.end - span.start, 2))


def _warning(problem: SongProblem, say: Wording) -> WarningView:
    text = say(problem.kind, times=times(problem.spans, say), db=problem.db or 0.0)
    return WarningView(kind=problem.kind, text=text, spans=problem.spans)


def _title(key: Key, say: Wording) -> str:
    if key.kind == "same":
        return say("key_same")
    if key.kind == "closest":
        return say("key_closest")
    octaves = abs(key.transpose) // 12
    side = "up" if key.transpose > 0 else "down"
    return say(f"key_{side}" if octaves == 1 else f"key_{side}_more", count=octaves)


def _range(found: list[OutOfRange], voice: str, say: Wording) -> WarningView | None:
    if not found:
        return None
    texts = [
        say(
            f"{'moved' if one.is_moved else 'far'}_{one.side}",
            note=note_name(one.limit_hz),
            voice=voice,
            times=times(one.spans, say),
        )
        for one in found
    ]
    return WarningView(kind="range", text=" ".join(texts), spans=sorted(span for one in found for span in one.spans))
