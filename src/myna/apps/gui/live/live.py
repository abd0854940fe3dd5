"""Live conversion of a studio: at most one session, which runs in its own process.

A session ends when it is stopped, when the studio is closed, or when the page that provides its microphone is closed.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Literal

from myna.apps.gui.live.messages import (
    BrowserSound,
    Change,
    ChangeVoice,
    DeviceSound,
    FromProcess,
    OpenVoice,
    Problem,
    Record,
    Recorded,
    Report,
    Running,
    Settled,
    Sound,
    Start,
    Stop,
    ToProcess,
)
from myna.apps.gui.live.voices import open_voice
from myna.apps.gui.processes import cause_of_end, start_process
from myna.errors import BusyError, ConfigError
from myna.studio.voices import LibraryVoice
from myna.studio.workspace import Workspace

if TYPE_CHECKING:
    from myna.realtime.interface import LiveSettings

State = Literal["stopped", "loading", "running", "stopping"]
Place = Literal["browser", "devices"]

_STOPPING_SECONDS = 20.0  # time for writing a recording; after this time, the process is terminated
_UNATTACHED_SECONDS = 30.0  # time after which a session ends if its page has not connected a microphone
_MOST_WAITING = 100  # limit on messages with sound that wait for the process or the page; later ones are dropped


@dataclass(frozen=True)
class LiveState:
    """State of live conversion for the page."""

    state: State = "stopped"
    place: Place | None = None  # place of microphone and speaker
    voice: str | None = None  # current voice
    next_voice: str | None = None  # voice that is being loaded
    settings: LiveSettings | None = None
    automatic: bool = False  # whether the transposition follows the pitch of the first seconds of singing
    recording: bool = False
    result: int | None = None  # number of the result made from the last recording of the session
    problem: str | None = None  # latest problem, in one line
    report: Report = field(default_factory=Report)


class Live:
    """Live conversion of a studio. Any thread may call its methods."""

    def __init__(
        self, workspace: Workspace, on_change: Callable[[LiveState], None], on_recorded: Callable[[int], None]
    ) -> None:
        """
        Args:
            on_change: called with each new state, from several threads.
            on_recorded: called with the number of each result made from a recording.
        """
        self.open_voice: OpenVoice = open_voice
        self._workspace = workspace
        self._on_change = on_change
        self._on_recorded = on_recorded
        self._lock = threading.RLock()
        self._state = LiveState()
        self._session: _Session | None = None

    @property
    def state(self) -> LiveState:
        """The current state."""
        return self._state

    def start(
        self,
        voice: LibraryVoice | None,
        settings: LiveSettings,
        automatic: bool,
        sound: BrowserSound | DeviceSound,
        block_seconds: float | None,
    ) -> LiveState:
        """Start a session. Without a voice, it plays a tone and measures the microphone, to test the devices.

        Raises:
            BusyError: a session is running.
        """
        with self._lock:
            if self._session is not None:
                raise BusyError("live conversion is running already: stop it first")
            message = Start(self._workspace, sound, voice, settings, automatic, block_seconds, self.open_voice)
            self._session = _Session(message, self._take, self._ended)
            name = None if voice is None else voice.name
            place: Place = "browser" if isinstance(sound, BrowserSound) else "devices"
            self._set(LiveState("loading", place, next_voice=name, settings=settings, automatic=automatic))
            return self._state

    def change(self, automatic: bool | None = None, **values: Any) -> LiveState:
        """Change some of the settings.

        Raises:
            ConfigError: no session is running, or a value is out of range.
        """
        with self._lock:
            session, settings = self._running()
            settings = replace(settings, **values)
            automatic = self._state.automatic if automatic is None else automatic
            session.send(Change(settings, automatic))
            self._set(replace(self._state, settings=settings, automatic=automatic))
            return self._state

    def change_voice(self, voice: LibraryVoice) -> LiveState:
        """Load another voice, and continue with it as soon as it is ready.

        Raises:
            ConfigError: no session is running.
            BusyError: another voice is being loaded.
        """
        with self._lock:
            session, _ = self._running()
            if self._state.next_voice is not None:
                raise BusyError(f"{self._state.next_voice} is being loaded: choose another voice after it")
            session.send(ChangeVoice(voice))
            self._set(replace(self._state, next_voice=voice.name, problem=None))
            return self._state

    def record(self, on: bool) -> LiveState:
        """Start a recording, or end the recording and keep it as a result.

        Raises:
            ConfigError: no session is running.
        """
        with self._lock:
            session, _ = self._running()
            session.send(Record(on))  # the next report states that it has begun or ended
            return self._state

    def stop(self) -> LiveState:
        """Stop the session, if there is one. The session ends in the background, after writing its recording."""
        with self._lock:
            if self._session is not None and self._state.state != "stopping":
                is_loading = self._state.state == "loading"
                self._set(replace(self._state, state="stopping", next_voice=None))
                self._session.stop(at_once=is_loading)
            return self._state

    def close(self) -> None:
        """Stop the session and wait for its end."""
        session = self._session
        self.stop()
        if session is not None:
            session.join()

    def attach(self) -> SoundLink:
        """Connect the microphone and the speaker of a page to the session.

        Raises:
            ConfigError: no session waits for a microphone and a speaker.
        """
        with self._lock:
            if self._session is None or self._session.link is not None or self._state.place != "browser":
                raise ConfigError("live conversion does not wait for a microphone: start it first")
            self._session.link = SoundLink(self._session)
            return self._session.link

    def detach(self, link: SoundLink) -> None:
        """Stop the session whose microphone and speaker were disconnected."""
        with self._lock:
            if self._session is not None and self._session.link is link:
                self.stop()

    def _running(self) -> tuple[_Session, LiveSettings]:
        state = self._state
        if self._session is None or state.settings is None or state.state != "running" or state.voice is None:
            raise ConfigError("live conversion is not running: start it first")
        return self._session, state.settings

    def _set(self, state: LiveState) -> None:
        self._state = state
        self._on_change(state)

    def _take(self, message: FromProcess) -> None:
        """Apply a message of the session's process."""
        with self._lock:
            state = self._state
            if isinstance(message, Report):
                recording = message.recorded_seconds is not None
                self._set(replace(state, report=message, recording=recording))
            elif isinstance(message, Running):
                following: State = "running" if state.state == "loading" else state.state
                self._set(replace(state, state=following, voice=message.voice, next_voice=None))
            elif isinstance(message, Settled):
                self._set(replace(state, settings=message.settings, automatic=message.automatic))
            elif isinstance(message, Problem):
                self._set(replace(state, problem=message.text))
            elif isinstance(message, Recorded):
                self._set(replace(state, result=message.result))
        if isinstance(message, Recorded):
            self._on_recorded(message.result)

    def _ended(self, exit_code: int | None) -> None:
        with self._lock:
            state = self._state
            problem = state.problem
            if problem is None and state.state != "stopping":
                problem = f"live conversion: {cause_of_end(exit_code)}"
            self._session = None
            self._set(LiveState(problem=problem, result=state.result, settings=state.settings))


class SoundLink:
    """Link between the socket of a page and a session, which passes samples."""

    def __init__(self, session: _Session) -> None:
        self._session = session
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Queue[Sound | None] = asyncio.Queue()

    def send(self, sound: Sound) -> None:
        """Pass samples of the microphone to the session."""
        self._session.send(sound)

    async def receive(self) -> AsyncIterator[Sound]:
        """Yield samples for the speaker until the session ends."""
        while (sound := await self._arrived.get()) is not None:
            yield sound

    def put(self, sound: Sound | None) -> None:
        """Add samples for the speaker, or None at the end; any thread may call this."""
        with suppress(RuntimeError):  # the server's event loop has ended
            self._loop.call_soon_threadsafe(self._put, sound)

    def _put(self, sound: Sound | None) -> None:
        if sound is None or self._arrived.qsize() < _MOST_WAITING:
            self._arrived.put_nowait(sound)


class _Session:
    """Process of a session, with a thread for each direction of its messages."""

    def __init__(self, start: Start, take: Callable[[FromProcess], None], ended: Callable[[int | None], None]) -> None:
        self.link: SoundLink | None = None
        self._take = take
        self._ended = ended
        self._messages: SimpleQueue[ToProcess | None] = SimpleQueue()
        self._process: BaseProcess
        self._connection: Connection
        self._process, self._connection = start_process(_work, "svcg live")
        self.send(start)
        self._threads = [threading.Thread(target=one, name="live", daemon=True) for one in (self._write, self._read)]
        self._timers = []
        if isinstance(start.sound, BrowserSound):
            self._timers.append(threading.Timer(_UNATTACHED_SECONDS, self._stop_unattached))
        for thread in (*self._threads, *self._timers):
            thread.daemon = True
            thread.start()

    def send(self, message: ToProcess) -> None:
        """Send a message to the process, without waiting. Samples are dropped if too many messages wait."""
        if not isinstance(message, Sound) or self._messages.qsize() < _MOST_WAITING:
            self._messages.put(message)

    def stop(self, *, at_once: bool) -> None:
        """End the process, at once or after writing its recording."""
        self.send(Stop())
        timer = threading.Timer(0.0 if at_once else _STOPPING_SECONDS, self._process.terminate)
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def join(self) -> None:
        """Wait for the end of the process."""
        self._threads[1].join(_STOPPING_SECONDS + 5)

    def _write(self) -> None:
        while (message := self._messages.get()) is not None:
            try:
                self._connection.send(message)
            except (OSError, ValueError):
                return

    def _read(self) -> None:
        with suppress(EOFError, OSError):
            while True:
                message: FromProcess = self._connection.recv()
                if not isinstance(message, Sound):
                    self._take(message)
                elif self.link is not None:
                    self.link.put(message)
        self._messages.put(None)
        self._process.join()
        for timer in self._timers:
            timer.cancel()
        if self.link is not None:
            self.link.put(None)
        self._ended(self._process.exitcode)

    def _stop_unattached(self) -> None:
        if self.link is None:
            self._take(Problem("the page has not connected its microphone"))
            self.stop(at_once=True)


def _work(connection: Connection) -> None:
    """Run a session in its process, which imports the modules for conversion."""
    from myna.apps.gui.live.session import run_session

    run_session(connection)
