"""Voices in training: their recordings, steps, checkpoints and comparison."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from myna.apps.gui.server.context import JobView, Language, StudioOf
from myna.apps.gui.server.description import file_of
from myna.apps.gui.server.errors import NotFound, not_found
from myna.apps.gui.server.projects import models, view
from myna.apps.gui.server.projects.activity import KINDS, check_free
from myna.apps.gui.server.projects.requests import (
    TEXTS,
    CompareOptions,
    CompareRequest,
    PackOptions,
    PackRequest,
    PrepareOptions,
    PrepareRequest,
    ProjectRequest,
    TrainChoices,
    TrainRequest,
)
from myna.apps.gui.server.projects.view import Scene
from myna.apps.gui.server.requests import Body
from myna.apps.gui.server.wording import Wording
from myna.apps.gui.tasks.learning import ReadSample
from myna.apps.gui.tasks.sounds import RewriteSound
from myna.audio.formats import PLAYABLE_SUFFIXES
from myna.errors import BusyError
from myna.studio import project as projects
from myna.studio import trash
from myna.studio.project import Project
from myna.studio.steps import Step

router = APIRouter(tags=["training"])
Name = Annotated[str, Query(description="name of the voice in training")]

_HEARD = Path(".heard")  # copies of recordings in a format for browsers, in the folder of the project


class NewProject(Body):
    name: str


class NewRecordings(Body):
    uploads: list[str] = Field(description="ids of uploads")


def project_of(name: Name, studio: StudioOf) -> Project:
    """Return the voice in training with this name.

    Raises:
        NotFound: there is no such voice in training.
    """
    with not_found():
        return projects.find(studio.workspace, name)


def scene_of(project: Annotated[Project, Depends(project_of)], studio: StudioOf, language: Language) -> Scene:
    return Scene(studio, project, language)


SceneOf = Annotated[Scene, Depends(scene_of)]


@router.get("/projects")
def list_projects(studio: StudioOf, language: Language) -> list[models.ProjectRow]:
    """List the voices in training by name, with the states of their steps."""
    jobs = studio.all_jobs()
    return [view.project_row(Scene(studio, one, language, jobs)) for one in projects.projects(studio.workspace)]


@router.get("/projects/advice")
def advice(language: Language) -> list[str]:
    """Return advice for a first voice: what to record, how long training takes, and how much disk space it needs."""
    return view.advice(Wording(language, TEXTS))


@router.post("/projects")
def create(sent: NewProject, studio: StudioOf, language: Language) -> models.ProjectRow:
    """Create a voice in training, without recordings."""
    made = projects.create(studio.workspace, sent.name)
    studio.changed("projects", made.name)
    return view.project_row(Scene(studio, made, language))


@router.get("/project")
def project(scene: SceneOf) -> models.ProjectView:
    """Return all data of the page of a voice in training.

    Recordings are checked and the training log is read in the background; an event announces new results.
    """
    return view.project_view(scene)


@router.delete("/project")
def delete(scene: SceneOf) -> models.Thrown:
    """Move a voice in training with all its files to the trash."""
    studio, found = scene.studio, scene.project
    if any(not job.state.over for job in studio.jobs_about(project=found.name)):
        raise BusyError(f"{found.name}: {scene.say('busy_delete')}")
    check_free(found)
    thrown = trash.throw(studio.workspace, "project", found.name, found.name, [found.folder])
    studio.changed("projects")
    studio.changed("voices")
    studio.changed("trash")
    return models.Thrown(trash_id=thrown.id, bytes=thrown.bytes)


# --- recordings -------------------------------------------------------------------------------------------------------


@router.post("/project/recordings")
def add_recordings(sent: NewRecordings, scene: SceneOf) -> models.Added:
    """Copy uploaded recordings into the voice's folder; files that are not audio are left out."""
    uploads = [scene.studio.uploads.find(id) for id in sent.uploads]
    added, refused = scene.project.add([upload.path for upload in uploads])
    for id in sent.uploads:
        scene.studio.uploads.delete(id)
    text = scene.say("added", count=len(added)) if added else ""
    if refused:
        names = ", ".join(refused[:5]) + (" …" if len(refused) > 5 else "")
        text = f"{text} {scene.say('refused', count=len(refused), names=names)}".strip()
    scene.studio.changed("projects", scene.project.name)
    return models.Added(added=added, refused=refused, text=text)


@router.delete("/project/recordings")
def remove_recording(file: str, scene: SceneOf) -> models.Thrown:
    """Move a recording to the trash. The next preparation leaves it out."""
    path = _recording(scene, file)
    thrown = trash.throw(scene.studio.workspace, "recording", scene.project.name, path.name, [path])
    scene.studio.changed("projects", scene.project.name)
    scene.studio.changed("trash")
    return models.Thrown(trash_id=thrown.id, bytes=thrown.bytes)


@router.get("/project/audio", response_class=FileResponse, responses=file_of("audio/*"))
def recording_audio(file: str, scene: SceneOf) -> FileResponse:
    """Return a recording in a format that browsers can play."""
    path = _recording(scene, file)
    if path.suffix.lower() not in PLAYABLE_SUFFIXES:
        stat = path.stat()
        copy = scene.project.folder / _HEARD / f"{path.stem} {stat.st_size} {stat.st_mtime_ns}.flac"
        if not copy.is_file():
            scene.studio.call(RewriteSound(path, copy))
        path = copy
    return FileResponse(path, filename=path.name, content_disposition_type="inline")


# --- steps ------------------------------------------------------------------------------------------------------------


@router.post("/project/prepare")
def prepare(sent: PrepareOptions, scene: SceneOf) -> JobView:
    """Make clips, configuration and features from the recordings. Clips and features that are up to date are kept."""
    return _submit(scene, Step.PREPARE, PrepareRequest, sent)


@router.post("/project/train")
def train(sent: TrainChoices, scene: SceneOf) -> JobView:
    """Train a prepared voice, from its last checkpoint if there is one. Cancelling the job saves a checkpoint."""
    return _submit(scene, Step.TRAIN, TrainRequest, sent)


@router.post("/project/compare")
def compare(sent: CompareOptions, scene: SceneOf) -> JobView:
    """Convert one recording with two to eight checkpoints, and optionally measure the results."""
    return _submit(scene, Step.COMPARE, CompareRequest, sent)


@router.post("/project/pack")
def pack(sent: PackOptions, scene: SceneOf) -> JobView:
    """Pack a checkpoint into one file, as a new voice of the library."""
    return _submit(scene, Step.PACK, PackRequest, sent)


# --- outcome ----------------------------------------------------------------------------------------------------------


@router.get("/project/curves")
def curves(scene: SceneOf) -> models.CurvesView:
    """Return the training curves, after reading the log."""
    return view.curves_view(scene, scene.studio.watch.fresh_curves(scene.project, scene.status))


@router.get("/project/sample", response_class=Response, responses=file_of("audio/wav"))
def sample(scene: SceneOf, clip: int, number: int | None = None) -> Response:
    """Return a validation clip as WAV: converted with checkpoint `number`, or the recording if no number is given."""
    step = None
    if number is not None:
        found = scene.studio.watch.fresh_curves(scene.project, scene.status)
        step = found.step_of(scene.project.checkpoint(number).number, scene.status.unit)
        if step is None or step not in found.sample_steps:
            raise NotFound(scene.say("no_checkpoint_sample", number=number))
    sound: bytes = scene.studio.call(ReadSample(folder=scene.project.folder, index=clip, step=step))
    return Response(sound, media_type="audio/wav", headers={"accept-ranges": "none"})


@router.get("/project/comparison")
def comparison(scene: SceneOf) -> models.ComparisonView:
    """Return the last comparison of checkpoints."""
    if scene.project.comparison is None:
        raise NotFound(scene.say("no_comparison"))
    return view.comparison_view(scene)


@router.get("/project/track", response_class=FileResponse, responses=file_of("audio/*"))
def track(scene: SceneOf, index: int) -> FileResponse:
    """Return a track of the last comparison."""
    path = view.track_path(scene, index)
    return FileResponse(path, filename=path.name, content_disposition_type="inline")


def _submit(scene: Scene, step: Step, request: type[ProjectRequest], sent: BaseModel) -> JobView:
    """Queue the job of a step with the options in `sent`."""
    whole = request(project=scene.project.name, language=scene.language, **sent.model_dump())
    return scene.studio.submit(KINDS[step], whole)


def _recording(scene: Scene, file: str) -> Path:
    with not_found():
        return scene.project.recording(file)
