"""Long work beside the page: a process a lane, one job at a time in it, seen by every page that is open.

A lane's process is started before it is needed and keeps what it has loaded; a job that dies takes only its own lane
down, which starts anew. What happens in a process comes back as messages, so that the page never waits for it.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from myna.errors import MynaError

_log = logging.getLogger(__name__)
T = TypeVar("T")

_REPORT_SECONDS = 0.2  # between two messages of how far it is
_SETTLED_SECONDS = 3.0  # before it is told how long it still takes
_KEPT_JOBS = 100  # of a lane that are over; the oldest are forgotten, their results stay where they are
_KEPT_NOTES = 200


class JobState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def over(self) -> bool:
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


@dataclass
class Job:
    """One piece of long work, as the page sees it."""

    id: int
    lane: str
    task: str
    title: str
    arguments: Mapping[str, Any]
    state: JobState = JobState.WAITING
    stage: str = ""  # what it is at, for a person
    fraction: float | None = None  # of that, where it is known
    seconds_left: float | None = None
    facts: dict[str, Any] = field(default_factory=dict)  # what the task says of itself, by name; the latest counts
    notes: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_NOTES))
    result: Any = None
    error: str | None = None
    seconds: float = 0.0
    ended: threading.Event = field(default_factory=threading.Event)


class Report:
    """What a task tells while it works; it is a `myna.progress.Progress`, too."""

    def __init__(self, send: Callable[[str, Any], None]) -> None:
        self._send = send
        self._told = -_REPORT_SECONDS

    def __call__(self, items: Iterable[T], *, title: str, total: int | None = None, unit: str = "it") -> Iterator[T]:
        if total is None and isinstance(items, Sized):
            total = len(items)
        started = time.monotonic()
        for done, item in enumerate(items):
            yield item
            self.at(title, done + 1, total, time.monotonic() - started)

    def at(self, stage: str, done: int, total: int | None, seconds: float) -> None:
        """Tell that `done` of `total` took `seconds`."""
        now = time.monotonic()
        if now - self._told < _REPORT_SECONDS:
            return
        self._told = now
        fraction = min(done / total, 1.0) if total else None
        # The first moments are no measure: in them, what comes later is prepared, too.
        left = seconds * (total - done) / done if total and done and seconds > _SETTLED_SECONDS else None
        self._send("progress", (stage, fraction, left))

    def note(self, text: str) -> None:
        """Tell a line for a person."""
        self._send("note", text)

    def fact(self, name: str, value: Any) -> None:
        """Tell a plain value that the page shows."""
        self._send("fact", (name, value))


class Jobs:
    """All jobs of this page's server.

    jobs = Jobs(["sing", "learn"])
    job = jobs.submit("sing", "myna.apps.gui.tasks:convert", "song.wav", song="song.wav", voice="joe")
    """

    def __init__(self, lanes: Iterable[str]) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[int, Job] = {}
        self._lanes = {name: _Lane(name, self._lock) for name in lanes}
        self._next = 1

    def submit(self, lane: str, task: str, title: str, **arguments: Any) -> Job:
        """Queue a call of `task`, "module:function", as `function(report, **arguments)` in the process of `lane`.

        The arguments and what the function returns must be plain values.
        """
        with self._lock:
            job = Job(self._next, lane, task, title, arguments)
            self._next += 1
            self._jobs[job.id] = job
            over = [other.id for other in self._jobs.values() if other.state.over and other.lane == lane]
            for old in over[: max(0, len(over) - _KEPT_JOBS)]:
                del self._jobs[old]
        self._lanes[lane].submit(job)
        return job

    def call(self, lane: str, task: str, **arguments: Any) -> Any:
        """Do something short in the process of `lane`, and wait for it.

        Raises:
            MynaError: it failed; the message is the task's.
        """
        job = self.submit(lane, task, task, **arguments)
        job.ended.wait()
        if job.state is not JobState.DONE:
            raise MynaError(job.error or "it was cancelled")
        return job.result

    def get(self, number: int) -> Job | None:
        return self._jobs.get(number)

    def all(self, lane: str | None = None) -> list[Job]:
        """The jobs, oldest first."""
        with self._lock:
            return [job for job in self._jobs.values() if lane in (None, job.lane)]

    def cancel(self, job: Job) -> None:
        """Ask a job to stop; a second time ends its process at once."""
        self._lanes[job.lane].cancel(job)

    def warm(self, lane: str) -> None:
        """Start the process of a lane before its first job."""
        self._lanes[lane].submit(None)

    def close(self) -> None:
        """Stop all, and wait until what must be saved is; Ctrl-C ends the waiting, and what is waited for."""
        for lane in self._lanes.values():
            lane.close()
        try:
            for lane in self._lanes.values():
                lane.join()
        finally:
            for lane in self._lanes.values():
                lane.end()


class _Lane:
    """A queue and the process that works on it; a thread of this process stands between them."""

    def __init__(self, name: str, lock: threading.Lock) -> None:
        self._name = name
        self._jobs_lock = lock
        self._queue: deque[Job | None] = deque()
        self._wake = threading.Condition()
        self._closed = False
        self._current: Job | None = None
        self._process: Any = None
        self._connection: Connection | None = None
        self._thread: threading.Thread | None = None

    def submit(self, job: Job | None) -> None:
        with self._wake:
            if self._closed:
                if job is not None:
                    self._end(job, JobState.CANCELLED)
                return
            self._queue.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"lane {self._name}", daemon=True)
                self._thread.start()
            self._wake.notify()

    def cancel(self, job: Job) -> None:
        with self._wake:
            if job.state is JobState.WAITING:
                self._end(job, JobState.CANCELLED)
            elif job is self._current:
                if job.state is JobState.STOPPING:
                    self._process.terminate()
                else:
                    job.state = JobState.STOPPING
                    self._send("stop")

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

    def _send(self, message: Any) -> None:
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
                self._send((job.task, dict(job.arguments)))
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
        # Spawned, not forked: this process has threads, and what a fork inherits of them may be locked for ever.
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs,), name=f"svcg {self._name}")
        self._process.start()
        theirs.close()

    def _listen(self, job: Job, started: float) -> None:
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

    def _died(self, job: Job) -> None:
        self._process.join(5)
        code = self._process.exitcode
        if job.state is JobState.STOPPING:
            self._end(job, JobState.CANCELLED)
        elif code == -9:  # Linux ends thus what takes too much memory
            self._end(job, JobState.FAILED, error="its process was killed: this computer may have run out of memory")
        else:
            self._end(job, JobState.FAILED, error=f"its process ended with code {code} (a defect: please report it)")

    def _end(self, job: Job, state: JobState, *, result: Any = None, error: str | None = None) -> None:
        with self._jobs_lock:
            job.result, job.error, job.seconds_left = result, error, None
            job.state = state
            job.ended.set()


def _work(connection: Connection) -> None:
    """The life of a lane's process: a call for a call, until it is told to close or nobody is there any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    calls: deque[Any] = deque()
    arrived = threading.Condition()
    busy = threading.Event()
    threading.Thread(target=_hear, args=(connection, calls, arrived, busy), daemon=True).start()
    import_module("myna.apps.gui.tasks").warm_up()

    def send(kind: str, value: Any) -> None:
        with suppress(OSError):  # nobody hears it any more; the work is finished all the same
            connection.send((kind, value))

    while True:
        with arrived:
            arrived.wait_for(lambda: calls)
            call = calls.popleft()
        if call is None:
            return
        task, arguments = call
        try:
            module, name = task.split(":")
            function = getattr(import_module(module), name)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            busy.set()
            kind, value = "done", function(Report(send), **arguments)
        except KeyboardInterrupt:
            kind, value = "cancelled", None
        except MynaError as error:
            kind, value = "failed", str(error)
        except MemoryError:
            kind, value = "failed", "this computer has too little memory for it"
        except OSError as error:
            kind, value = "failed", f"{error.strerror or error}: {error.filename or 'while it was written'}"
        except Exception as error:
            _log.error("%s", traceback.format_exc())
            kind, value = "failed", f"{type(error).__name__}: {error} (a defect: please report it)"
        finally:
            busy.clear()
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        send(kind, value)


def _hear(connection: Connection, calls: deque[Any], arrived: threading.Condition, busy: threading.Event) -> None:
    """Take what comes; to stop, the main thread gets what Ctrl-C is, which a training knows and all else obeys."""
    while True:
        try:
            message = connection.recv()
        except (EOFError, OSError):
            message = "close"  # the page's process is gone
        with arrived:
            if message in ("stop", "close"):
                if busy.is_set():
                    signal.raise_signal(signal.SIGINT)
                elif calls:  # it has not begun
                    calls.clear()
                    with suppress(OSError):
                        connection.send(("cancelled", None))
            if message != "stop":
                calls.append(None if message == "close" else message)
                arrived.notify()
        if message == "close":
            return
