"""Recording booth: prompts to read and to sing, checks of takes, and takes to keep as recordings."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from myna.apps.gui.server.context import Language, StudioOf
from myna.apps.gui.server.description import file_of
from myna.apps.gui.server.prompting import Prompt, guide_wav, next_number, prompt_of, take_name
from myna.apps.gui.server.requests import Body
from myna.apps.gui.server.routes.projects import project_of
from myna.apps.gui.server.wording import Wording
from myna.apps.gui.tasks.learning import CheckTake
from myna.errors import MynaError
from myna.studio.project import Project
from myna.studio.prompts import VoiceName
from myna.studio.take_report import Kind, TakeReport

router = APIRouter(tags=["booth"])
ProjectOf = Annotated[Project, Depends(project_of)]
Range = Annotated[VoiceName, Query(description="range of notes that the singer finds comfortable")]

_DEFAULT_RANGE: VoiceName = "alto"


class Take(Body):
    """An uploaded take."""

    upload: str = Field(description="id of the upload")
    number: int = Field(description="number of its prompt")
    kind: Kind = "spoken"


class KeptTake(Take):
    """A take to keep, and the singer's range of notes for the next prompt."""

    range: VoiceName = _DEFAULT_RANGE


class ReportLine(BaseModel):
    text: str
    serious: bool = Field(description="whether the take should be made again")


class TakeView(BaseModel):
    """Outcome of the check of a take."""

    good: bool
    seconds: float
    lines: list[ReportLine]


class Kept(BaseModel):
    """The recording made from a take, and the next prompt without a take."""

    file: str
    next: Prompt


@router.get("/booth/prompt")
def prompt(
    project: ProjectOf,
    language: Language,
    kind: Kind = "spoken",
    number: Annotated[int | None, Query(description="null for the first prompt without a take")] = None,
    range: Range = _DEFAULT_RANGE,
) -> Prompt:
    """Return a prompt. Numbers count from 1 and wrap around."""
    recordings = project.status().recordings
    wanted = next_number(kind, 0, recordings) if number is None else number
    return prompt_of(kind, wanted, range, recordings, language)


@router.get("/booth/guide", response_class=Response, responses=file_of("audio/wav"))
def guide(number: int, range: Range = _DEFAULT_RANGE) -> Response:
    """Return the guide tone of a melody as WAV."""
    return Response(guide_wav(number, range), media_type="audio/wav", headers={"cache-control": "max-age=86400"})


@router.post("/booth/take", dependencies=[Depends(project_of)])
def take(sent: Take, studio: StudioOf, language: Language) -> TakeView:
    """Check a take that was just recorded."""
    path = studio.uploads.find(sent.upload).path
    try:
        report: TakeReport = studio.call(CheckTake(path, sent.kind))
    except MynaError as error:  # unreadable, so the take should be recorded again
        return TakeView(good=False, seconds=0.0, lines=[ReportLine(text=str(error), serious=True)])
    say = Wording(language, "problem.")
    lines = [ReportLine(text=say(one.key, **one.numbers), serious=one.serious) for one in report.problems]
    return TakeView(good=report.good, seconds=report.seconds, lines=lines)


@router.post("/booth/keep")
def keep(sent: KeptTake, project: ProjectOf, studio: StudioOf, language: Language) -> Kept:
    """Keep a take as a recording of the voice, and return the next prompt without a take."""
    upload = studio.uploads.find(sent.upload)
    text = prompt_of(sent.kind, sent.number, sent.range, (), language)
    added, refused = project.add([upload.path], within=sent.kind, name=take_name(text.number, text.text))
    if refused:
        raise MynaError(Wording(language, "server.booth.")("no_take"))
    studio.uploads.delete(sent.upload)
    studio.changed("projects", project.name)
    recordings = project.status().recordings
    next_prompt = prompt_of(
        sent.kind, next_number(sent.kind, text.number, recordings), sent.range, recordings, language
    )
    return Kept(file=f"{project.name}/{sent.kind}/{added[0]}", next=next_prompt)
