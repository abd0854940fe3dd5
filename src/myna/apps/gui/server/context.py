"""State of an open studio, shared by all handlers of its server."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import Depends, Query
from fastapi import Request as HttpRequest
from pydantic import BaseModel
from starlette.requests import HTTPConnection

from myna.apps.actions.device import Device
from myna.apps.gui.jobs import Job, Jobs, Task
from myna.apps.gui.live.live import Live, LiveState
from myna.apps.gui.server.errors import NotFound
from myna.apps.gui.server.events import Events, Topic
from myna.apps.gui.server.live_view import live_view
from myna.apps.gui.server.projects.watch import Watch
from myna.apps.gui.server.requests import KINDS, LANES, LOOK, SING, Planned, Request, texts_in
from myna.apps.gui.server.uploads import Uploads
from myna.apps.gui.server.voice_reader import VoiceReader
from myna.apps.gui.tasks.learning import NameDevice
from myna.apps.gui.tasks.singing import DrawComparison
from myna.apps.gui.texts import LANGUAGES
from myna.errors import BusyError, ConfigError, MynaError
from myna.studio import results
from myna.studio.job_list import JobList, JobState, ListedJob, Place
from myna.studio.voices import Library
from myna.studio.workspace import Workspace

_log = logging.getLogger(__name__)

_PROGRESS_SECONDS = 1.0  # minimum time between two writes of a job's progress to the list
_PREPARED_AFTER_SECONDS = 1.5
_OTHERS_SECONDS = 1.0  # interval of the checks whether other processes changed the list


class JobView(BaseModel):
    """Response model of a job."""

    id: int
    kind: str
    title: str
    state: JobState
    stage: str
    fraction: float | None
    seconds_left: float | None
    seconds: float
    error: str | None
    created_at: str
    where: Place
    about: dict[str, Any]
    facts: dict[str, Any]
    can: list[Literal["cancel", "retry", "remove"]]


class Studio:
    """An open studio: its folder, voices, jobs, uploads and live conversion, and the events for its pages."""

    def __init__(self, workspace: Workspace, *, local: bool = True) -> None:
        """
        Args:
            local: whether all visitors are on this computer, and may therefore name its folders.
        """
        self.workspace = workspace
        self.local = local
        self.voices = Library(workspace)
        self.uploads = Uploads(workspace)
        self.events = Events()
        self.server_id = uuid.uuid4().hex
        self.list = JobList(workspace)
        self.watch = Watch(self.call, lambda name: self.changed("projects", name))
        self.reader = VoiceReader(workspace, self.call, lambda name: self.changed("voices", name))
        self._running: dict[int, _Running] = {}
        self._listing = threading.Lock()
        self._jobs = Jobs(LANES, self._on_change)
        self.live = Live(workspace, self._on_live, self._on_recorded)
        self.device: Device | None = None
        self._prepared = False
        self._closed = threading.Event()
        threading.Thread(target=self._watch_others, name="jobs of others", daemon=True).start()

    def submit(self, kind: str, request: Request) -> JobView:
        """Check a request, and list and queue its job.

        Raises:
            MynaError: the request names an unknown item, or has a wrong value.
        """
        planned = KINDS[kind].plan(self, request)
        number = self.list.add(
            kind, planned.title, Place.PAGE, about=planned.about, request=request.model_dump(mode="json")
        )
        self._running[number] = _Running(kind, planned, time.monotonic())
        self._jobs.submit(planned.lane, planned.task, planned.title, number=number, first=planned.first)
        return self._announce(number)

    def call(self, task: Task[Any], lane: str = LOOK) -> Any:
        """Run a short task, which is not listed, in the process of a lane, and wait for its result.

        Raises:
            MynaError: the task failed.
        """
        return self._jobs.call(lane, task)

    def job(self, number: int) -> JobView:
        """Return a job of the list.

        Raises:
            NotFound: there is no job with that number.
        """
        return self._view(self._listed(number))

    def files(self, number: int) -> list[Path]:
        """Return the files that a job has written; for visitors on other computers, only those in the workspace.

        Raises:
            NotFound: there is no job with that number.
        """
        return self._files(self._listed(number).about)

    def all_jobs(self) -> list[JobView]:
        """Return the jobs of this studio and of the terminal, newest first."""
        return [self._view(row) for row in self.list.all()]

    def jobs_about(self, **about: Any) -> list[JobView]:
        """Return the jobs whose `about` contains all of the given values, newest first."""
        return [job for job in self.all_jobs() if about.items() <= job.about.items()]

    def cancel(self, number: int) -> JobView:
        """Ask a job to stop; a second call ends its process.

        Raises:
            ConfigError: the job was started by another process.
        """
        row, job = self._listed(number), self._jobs.get(number)
        if row.state.over:
            return self._view(row)
        if job is None:
            raise ConfigError("this job runs in a terminal or in another studio: stop it there")
        self._jobs.cancel(job)
        return self.job(number)

    def retry(self, number: int) -> JobView:
        """Start a new job with the request of an ended job, and remove the ended job from the list.

        Raises:
            ConfigError: the job cannot be started from the page, or its request is no longer valid.
            BusyError: the job has not ended.
        """
        row = self._listed(number)
        if not row.state.over:
            raise BusyError(f"{row.title} has not ended")
        if row.request is None or row.kind not in KINDS:
            raise ConfigError("this job was started in a terminal: start it there again")
        started = self.submit(row.kind, KINDS[row.kind].request.model_validate(row.request))
        self.remove(number)
        return started

    def remove(self, number: int) -> None:
        """Remove an ended job from the list.

        Raises:
            BusyError: the job has not ended.
        """
        row = self._listed(number)
        if not row.state.over:
            raise BusyError(f"{row.title} has not ended: stop it first")
        self.list.remove(number)
        self.changed("jobs")

    def changed(self, what: Topic, name: str | None = None) -> None:
        """Notify the open pages that a list has changed."""
        self.events.changed(what, name)

    def used_uploads(self) -> frozenset[str]:
        """Return the ids of the uploads that listed jobs need, including ended jobs, which may be started again."""
        requests = (job.request or {} for job in self.list.all())
        return frozenset(value for request in requests for value in texts_in(request))

    def prepare_lanes(self) -> None:
        """Find the device and load PyTorch in the lane for songs, in the background.

        Call this after the first page was requested: before that, the imports would delay the page.
        """
        if not self._prepared:
            self._prepared = True
            threading.Thread(target=self._prepare_lanes, name="preparing", daemon=True).start()

    def shown(self, text: str) -> str:
        """Return a text for visitors; for those on other computers, its paths lack the folders above the workspace."""
        if self.local:
            return text
        folder, home = self.workspace.folder, Path.home()
        text = text.replace(str(folder), folder.name)
        return text.replace(str(home), "~") if home.name else text

    def close(self) -> None:
        """Stop all jobs and wait until they have saved their work. Waiting jobs stay listed as interrupted."""
        self._closed.set()
        try:
            self.live.close()
            self._jobs.close()
        finally:
            self.list.close()

    def _prepare_lanes(self) -> None:
        if self._closed.wait(_PREPARED_AFTER_SECONDS):
            return
        self._jobs.warm(SING)
        with suppress(MynaError):
            self.device = self.call(NameDevice())
            self.changed("session")

    def _on_live(self, state: LiveState) -> None:
        view = live_view(state, self.shown)
        self.events.send("live", {"type": "live", "live": view.model_dump(mode="json")})

    def _on_recorded(self, number: int) -> None:
        """Draw a recording of live conversion in the background, and then list it as a result."""

        def draw() -> None:
            found = results.find(self.workspace, number)
            with suppress(MynaError):  # the player shows that the drawing is missing
                if found is not None:
                    self.call(DrawComparison(self.workspace, found))
            self.changed("results")

        threading.Thread(target=draw, name="drawing", daemon=True).start()

    def _listed(self, number: int) -> ListedJob:
        row = self.list.get(number)
        if row is None:
            raise NotFound(f"there is no job {number}")
        return row

    def _files(self, about: Mapping[str, Any]) -> list[Path]:
        made = [Path(path) for path in about.get("files") or ()]
        return [path for path in made if self.local or path.resolve().is_relative_to(self.workspace.folder)]

    def _about(self, row: ListedJob) -> dict[str, Any]:
        """Return the items that a job works on; visitors on other computers get names in place of paths."""
        if self.local:
            return dict(row.about)
        names = {name: _name(value) if isinstance(value, str) else value for name, value in row.about.items()}
        return names | ({"files": [path.name for path in self._files(row.about)]} if "files" in names else {})

    def _view(self, row: ListedJob) -> JobView:
        error = None if row.error is None else self.shown(row.error)
        found = {**vars(row), "about": self._about(row), "facts": dict(row.facts), "error": error}
        job = self._jobs.get(row.id)
        if job is not None and not job.state.over and not row.state.over:  # newer than the stored state
            names = ("state", "stage", "fraction", "seconds_left", "seconds")
            found |= {name: getattr(job, name) for name in names} | {"facts": dict(job.facts)}
        state = JobState(found["state"])
        can: list[str] = []
        if not state.over:
            can += ["cancel"] if job is not None else []
        else:
            again = row.request is not None and row.kind in KINDS and state is not JobState.DONE
            can += ["retry", "remove"] if again else ["remove"]
        found |= {
            "created_at": datetime.fromtimestamp(row.created_at, UTC).isoformat(),
            "where": row.place,
            "can": can,
        }
        return JobView(**{name: found[name] for name in JobView.model_fields})

    def _announce(self, number: int) -> JobView:
        view = self.job(number)
        self.events.send(f"job {number}", {"type": "job", "job": view.model_dump(mode="json")})
        return view

    def _on_change(self, job: Job[Any], note: str | None) -> None:
        """Store a change of a job and notify the pages; if the list cannot be written, the lane goes on.

        Several threads report changes of one job. Because of the lock, an earlier state never overwrites a later one.
        """
        try:
            with self._listing:
                self._list_change(job, note)
        except Exception:
            _log.exception("the list of jobs cannot be written")

    def _list_change(self, job: Job[Any], note: str | None) -> None:
        running = self._running.get(job.id)
        if running is None:  # a call, which is not listed
            return
        if note is not None:
            self.list.line(job.id, note)
        project = running.planned.about.get("project")
        if project is not None and (note is not None or job.state is not running.state):
            self.changed("projects", project)  # a note may report a new checkpoint, for example
        if job.state.over:
            self._end(job, self._running.pop(job.id))
        elif running.due(job.state):
            self.list.update(
                job.id,
                state=job.state,
                stage=job.stage,
                fraction=job.fraction,
                seconds_left=job.seconds_left,
                seconds=job.seconds,
                facts=job.facts,
            )
        with suppress(NotFound):
            self._announce(job.id)

    def _end(self, job: Job[Any], running: _Running) -> None:
        planned = running.planned
        about = dict(planned.about)
        if job.state is JobState.DONE and planned.finish is not None:
            about |= planned.finish(job.result)
        # A job that was running or waiting when the studio closed counts as interrupted, not as stopped by a person.
        cut = job.state is JobState.DONE and planned.complete is not None and not planned.complete(job.result)
        closing = self._closed.is_set() and (cut or job.state is JobState.CANCELLED)
        state = JobState.INTERRUPTED if closing else job.state
        self.list.update(
            job.id, state=state, seconds_left=None, seconds=job.seconds, error=job.error, about=about, facts=job.facts
        )
        for topic in KINDS[running.kind].changes:
            self.changed(topic)

    def _watch_others(self) -> None:
        """Notify the pages when jobs of other processes have changed or ended."""
        seen = self.list.others()
        while not self._closed.wait(_OTHERS_SECONDS):
            now = self.list.others()
            if now != seen:
                self.changed("jobs")
            for job in now.values():
                if job.state.over and job.id in seen and not seen[job.id].state.over and job.kind in KINDS:
                    for topic in KINDS[job.kind].changes:
                        self.changed(topic)
            seen = now


@dataclass
class _Running:
    """A job of this studio that has not ended."""

    kind: str
    planned: Planned
    written_at: float
    state: JobState = field(default=JobState.WAITING)

    def due(self, state: JobState) -> bool:
        """Return True if the progress should be written now, and count it as written."""
        now = time.monotonic()
        if state is self.state and now - self.written_at < _PROGRESS_SECONDS:
            return False
        self.state, self.written_at = state, now
        return True


def studio_of(request: HTTPConnection) -> Studio:
    """Return the studio of a server; a FastAPI dependency."""
    found: Studio = request.app.state.studio
    return found


def language_of(
    request: HttpRequest,
    lang: Annotated[str, Query(description="language of the answer; without one, Accept-Language decides")] = "",
) -> str:
    """Return the language for messages: that of `?lang=`, else the first known one of Accept-Language, else English."""
    wanted = [lang, *request.headers.get("accept-language", "").lower().split(",")]
    for part in wanted:
        if (language := part.split(";")[0].split("-")[0].strip()) in LANGUAGES:
            return language
    return LANGUAGES[0]


# Parameters of handlers.
StudioOf = Annotated[Studio, Depends(studio_of)]
Language = Annotated[str, Depends(language_of)]


def _name(text: str) -> str:
    """Return the file name if a text is the path of a file, else the text."""
    return Path(text).name if Path(text).is_absolute() else text
