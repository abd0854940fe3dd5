"""Background jobs of the page. Each lane is a queue of tasks, shared by all open pages, with its own worker process.

A worker runs one task at a time. It starts with its lane's first job, or earlier if `Jobs.warm` is called, and keeps
loaded voices in memory. A crash ends only that lane's worker, which is restarted for the next job. Workers report by
messages, so the page never blocks on them.
"""

from __future__ import annotations

import itertools
import logging
import os
import pickle
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Generic, Protocol, TypeVar, cast

from myna.apps.gui.processes import cause_of_end, start_process
from myna.errors import MynaError, explain
from myna.progress import seconds_left
from myna.signals import leave_terminal_to_parent
from myna.studio.job_list import JobState as JobState

_log = logging.getLogger(__name__)
T = TypeVar("T")
Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)
OnChange = Callable[["Job[Any]", str | None], None]

_REPORT_SECONDS = 0.2  # minimum time between two progress messages
_KEPT_JOBS = 100  # limit on finished jobs listed per lane; older ones leave the list, and their files stay
_KEPT_NOTES = 200


class Task(Protocol[Result_co]):
    """Picklable unit of work that runs in a lane's process; its fields are the arguments.

    Define tasks as frozen dataclasses. The modules of a task and of its result must not import PyTorch, because the
    page's process imports them.
    """

    def run(self, report: Report) -> Result_co:
        """Run the task and return a picklable result; a `MynaError` becomes the job's error."""


@dataclass
class Job(Generic[Result]):
    """A queued, running or finished task, with its progress and result."""

    id: int  # number in the list of jobs; negative for a job that is not listed
    lane: str
    task: Task[Result]
    title: str
    state: JobState = JobState.WAITING
    stage: str = ""  # name of the current stage, shown to the user
    fraction: float | None = None  # completed share of the stage, 0 to 1; None if unknown
    seconds_left: float | None = None
    facts: dict[str, Any] = field(default_factory=dict)  # latest value of each reported fact, by name
    notes: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_NOTES))
    result: Result | None = None
    error: str | None = None
    seconds: float = 0.0
    ended: threading.Event = field(default_factory=threading.Event)

    def wait(self) -> Result:
        """Wait for the end of the job and return its result.

        Raises:
            MynaError: the job failed (the message is the task's) or was cancelled.
        """
        self.ended.wait()
        if self.state is not JobState.DONE:
            raise MynaError(self.error or "it was cancelled")
        return cast(Result, self.result)


class Report:
    """Sender of a running task's progress reports; also usable as a `myna.progress.Progress`."""

    def __init__(self, send: Callable[[str, Any], None]) -> None:
        self._send = send
        self._last_sent = -_REPORT_SECONDS

    def __call__(self, items: Iterable[T], *, title: str, total: int | None = None, unit: str = "it") -> Iterator[T]:
        if total is None and isinstance(items, Sized):
            total = len(items)
        started = time.monotonic()
        for done, item in enumerate(items):
            yield item
            self.at(title, done + 1, total, time.monotonic() - started)

    def at(self, stage: str, done: float, total: float | None, seconds: float) -> None:
        """Report `done` of `total` (items or seconds) and the time spent; calls soon after a report are dropped."""
        now = time.monotonic()
        if now - self._last_sent < _REPORT_SECONDS:
            return
        self._last_sent = now
        fraction = min(done / total, 1.0) if total else None
        self.progress(stage, fraction, seconds_left(done, total, seconds))

    def progress(self, stage: str, fraction: float | None, seconds_left: float | None) -> None:
        """Report the completed share of a stage, and the remaining time."""
        self._send("progress", (stage, fraction, seconds_left))

    def note(self, text: str) -> None:
        """Report one line of text for the user."""
        self._send("note", text)

    def fact(self, name: str, value: Any) -> None:
        """Report a JSON value for the page to show; a later value of the same name replaces it."""
        self._send("fact", (name, value))


class Jobs:
    """All jobs of this server.

    jobs = Jobs(["sing", "look"])
    job = jobs.submit("sing", ConvertSong(...), "song.wav")  # a Job[int], as ConvertSong.run returns an int
    card = jobs.call("look", DescribeVoice(voice=joe))
    """

    def __init__(self, lanes: Iterable[str], on_change: OnChange = lambda job, note: None) -> None:
        """
        Args:
            on_change: called with each changed job, and its new line for the user (None if there is no new line). The
                calls come from several threads.
        """
        self._lock = threading.Lock()
        self._jobs: dict[int, Job[Any]] = {}
        self._lanes = {name: _Lane(name, self._lock, on_change) for name in lanes}
        self._unlisted = itertools.count(-1, -1)

    def submit(
        self, lane: str, task: Task[Result], title: str, *, number: int | None = None, first: bool = False
    ) -> Job[Result]:
        """Queue a task for the process of `lane`; its job has the title `title`.

        Args:
            number: the job's number in the list of jobs; None for a job that is not listed.
            first: whether the job runs before all waiting jobs.
        """
        with self._lock:
            job = Job(next(self._unlisted) if number is None else number, lane, task, title)
            self._jobs[job.id] = job
            over = [other.id for other in self._jobs.values() if other.state.over and other.lane == lane]
            for old in over[: max(0, len(over) - _KEPT_JOBS)]:
                del self._jobs[old]
        self._lanes[lane].submit(job, first=first)
        return job

    def call(self, lane: str, task: Task[Result]) -> Result:
        """Run a short task in the process of `lane` and wait for its result.

        Raises:
            MynaError: the task failed (the message is the task's) or was cancelled.
        """
        return self.submit(lane, task, type(task).__name__, first=True).wait()

    def get(self, number: int) -> Job[Any] | None:
        """Return the job with this id, or None."""
        return self._jobs.get(number)

    def all(self, lane: str | None = None) -> list[Job[Any]]:
        """Return the jobs of a lane, oldest first; those of all lanes if `lane` is None."""
        with self._lock:
            return [job for job in self._jobs.values() if lane in (None, job.lane)]

    def cancel(self, job: Job[Any]) -> None:
        """Ask a job to stop; a second call kills its process."""
        self._lanes[job.lane].cancel(job)

    def warm(self, lane: str) -> None:
        """Start the process of a lane before its first job."""
        self._lanes[lane].submit(None)

    def close(self) -> None:
        """Stop all jobs and wait until they have saved their work; Ctrl-C during this wait kills the processes."""
        for lane in self._lanes.values():
            lane.close()
        try:
            for lane in self._lanes.values():
                lane.join()
        finally:
            for lane in self._lanes.values():
                lane.end()


class _Lane:
    """Queue of jobs, the process that runs them, and the thread that passes messages between the two."""

    def __init__(self, name: str, lock: threading.Lock, on_change: OnChange) -> None:
        self._name = name
        self._on_change = on_change
        self._jobs_lock = lock
        self._queue: deque[Job[Any] | None] = deque()  # None starts the process without a job
        self._wake = threading.Condition()
        self._closed = False
        self._current: Job[Any] | None = None
        self._process: Any = None
        self._connection: Connection | None = None
        self._thread: threading.Thread | None = None

    def submit(self, job: Job[Any] | None, *, first: bool = False) -> None:
        with self._wake:
            if self._closed:
                if job is not None:
                    self._end(job, JobState.CANCELLED)
                return
            if first:
                self._queue.appendleft(job)
            else:
                self._queue.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"lane {self._name}", daemon=True)
                self._thread.start()
            self._wake.notify()

    def cancel(self, job: Job[Any]) -> None:
        with self._wake:
            if job.state is JobState.WAITING:
                self._end(job, JobState.CANCELLED)
            elif job is self._current and not job.state.over:
                if job.state is JobState.STOPPING:
                    self._process.terminate()
                else:
                    job.state = JobState.STOPPING
                    self._send("stop")
                    self._on_change(job, None)

    def close(self) -> None:
        with self._wake:
            self._closed = True
            for job in self._queue:
                if job is not None and job.state is JobState.WAITING:
                    self._end(job, JobState.CANCELLED)
            self._queue.clear()
            if self._current is not None and self._current.state is JobState.RUNNING:
                self._current.state = JobState.STOPPING
            self._send("close")
            self._wake.notify()

    def join(self) -> None:
        if self._thread is not None:
            self._thread.join()
        if self._process is not None:
            self._process.join()

    def end(self) -> None:
        if self._process is not None and self._process.is_alive():
            self._process.terminate()

    def _send(self, message: bytes | str) -> None:
        if self._connection is not None:
            with suppress(OSError):
                self._connection.send(message)

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._queue or self._closed)
                if self._closed:
                    return
                job = self._queue.popleft()
                if job is not None and job.state.over:
                    continue
                self._start_process()
                if job is None:
                    continue
                self._current, job.state = job, JobState.RUNNING
                self._send(pickle.dumps(job.task))
            self._on_change(job, None)
            started = time.monotonic()
            try:
                self._listen(job, started)
            except EOFError:
                self._died(job)
            with self._wake:
                self._current = None

    def _start_process(self) -> None:
        if self._process is not None and self._process.is_alive():
            return
        self._process, self._connection = start_process(_work, f"svcg {self._name}")

    def _listen(self, job: Job[Any], started: float) -> None:
        assert self._connection is not None
        while not job.state.over:
            try:
                kind, value = self._connection.recv()
            except OSError as error:
                raise EOFError from error
            job.seconds = time.monotonic() - started
            if kind == "progress":
                job.stage, job.fraction, job.seconds_left = value
            elif kind == "note":
                job.notes.append(value)
            elif kind == "fact":
                job.facts |= dict([value])
            elif kind == "done":
                self._end(job, JobState.DONE, result=value)
            elif kind == "failed":
                self._end(job, JobState.FAILED, error=value)
            elif kind == "cancelled":
                self._end(job, JobState.CANCELLED)
            if not job.state.over:
                self._on_change(job, value if kind == "note" else None)

    def _died(self, job: Job[Any]) -> None:
        self._process.join(5)
        if job.state is JobState.STOPPING:
            self._end(job, JobState.CANCELLED)
        else:
            self._end(job, JobState.FAILED, error=cause_of_end(self._process.exitcode))

    def _end(self, job: Job[Any], state: JobState, *, result: Any = None, error: str | None = None) -> None:
        with self._wake, self._jobs_lock:  # never stop a job that has already ended
            job.result, job.error, job.seconds_left = result, error, None
            job.state = state
        self._on_change(job, None)
        job.ended.set()


def _work(connection: Connection) -> None:
    """Main loop of a worker: run queued tasks one at a time until the lane closes or the parent process dies."""
    leave_terminal_to_parent()
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    tasks: deque[bytes | None] = deque()
    arrived = threading.Condition()
    loaded, busy = threading.Event(), threading.Event()
    threading.Thread(target=_receive, args=(connection, tasks, arrived, loaded, busy), daemon=True).start()
    from myna.apps.gui.tasks import warm_up

    warm_up()
    loaded.set()

    def send(kind: str, value: Any) -> None:
        with suppress(OSError):  # the parent process is gone; there is nobody to send the result to
            connection.send((kind, value))

    while True:
        try:
            with arrived:
                arrived.wait_for(lambda: tasks)
                pickled = tasks.popleft()
                if pickled is None:
                    return
                signal.signal(signal.SIGINT, signal.default_int_handler)
                busy.set()  # set within the lock, so that no request to stop is lost
            task: Task[Any] = pickle.loads(pickled)  # safe: the data comes only from our own parent process
            kind, value = "done", task.run(Report(send))
        except KeyboardInterrupt:
            kind, value = "cancelled", None
        except Exception as error:
            kind, value = "failed", explain(error)
            if value is None:
                _log.error("%s", traceback.format_exc())
                value = f"{type(error).__name__}: {error} (a defect: please report it)"
        finally:
            busy.clear()
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        send(kind, value)


def _receive(
    connection: Connection,
    tasks: deque[bytes | None],
    arrived: threading.Condition,
    loaded: threading.Event,
    busy: threading.Event,
) -> None:
    """Queue the tasks from the parent process; while a task runs, "stop" and "close" send SIGINT to the main thread.

    On SIGINT, a training run saves a checkpoint and stops; every other task ends with KeyboardInterrupt. While the
    libraries are being loaded, which takes seconds, there is nothing to save, and "close" ends the process.
    """
    while True:
        try:
            message = connection.recv()
        except (EOFError, OSError):
            message = "close"  # the parent process is gone
        with arrived:
            if message in ("stop", "close"):
                if busy.is_set():
                    signal.raise_signal(signal.SIGINT)
                elif tasks:  # the task has not started yet
                    tasks.clear()
                    with suppress(OSError):
                        connection.send(("cancelled", None))
            if message == "close" and not loaded.is_set():
                os._exit(0)
            if message != "stop":
                tasks.append(None if message == "close" else message)
                arrived.notify()
        if message == "close":
            return
