"""The list of jobs."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from fastapi.responses import FileResponse, PlainTextResponse, Response

from myna.apps.gui.server.context import JobView, StudioOf
from myna.apps.gui.server.description import file_of
from myna.apps.gui.server.errors import NotFound

router = APIRouter(tags=["jobs"])


@router.get("/jobs")
def jobs(studio: StudioOf) -> list[JobView]:
    """List the jobs of this studio and the terminal's jobs in its folder, newest first."""
    return studio.all_jobs()


@router.delete("/jobs", status_code=204)
def clear(studio: StudioOf) -> None:
    """Remove all ended jobs from the list; their results are kept."""
    for job in studio.all_jobs():
        if job.state.over:
            studio.list.remove(job.id)
    studio.changed("jobs")


@router.get("/jobs/{number}")
def job(number: int, studio: StudioOf) -> JobView:
    """Return a job."""
    return studio.job(number)


@router.get("/jobs/{number}/log", response_class=Response, responses=file_of("text/plain"))
def log(number: int, studio: StudioOf) -> PlainTextResponse:
    """Return the lines of a job's log, with their times."""
    studio.job(number)
    lines = (f"{datetime.fromtimestamp(at):%H:%M:%S}  {text}\n" for at, text in studio.list.log(number))
    return PlainTextResponse(studio.shown("".join(lines)))


@router.post("/jobs/{number}/cancel")
def cancel(number: int, studio: StudioOf) -> JobView:
    """Ask a job to stop; training saves a checkpoint first. A second call ends its process."""
    return studio.cancel(number)


@router.post("/jobs/{number}/retry")
def retry(number: int, studio: StudioOf) -> JobView:
    """Restart a job that failed, was stopped or was interrupted, and return the new job."""
    return studio.retry(number)


@router.delete("/jobs/{number}", status_code=204)
def remove(number: int, studio: StudioOf) -> None:
    """Remove an ended job from the list; its results are kept."""
    studio.remove(number)


@router.get("/jobs/{number}/files/{index}", response_class=FileResponse, responses=file_of("*/*"))
def file(number: int, index: int, studio: StudioOf) -> FileResponse:
    """Return a file that a job has written."""
    made = studio.files(number)
    if not 0 <= index < len(made) or not made[index].is_file():
        raise NotFound(f"job {number} has no file {index}")
    return FileResponse(made[index], filename=made[index].name)
