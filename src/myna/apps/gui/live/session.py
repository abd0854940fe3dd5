"""Process of a live session, which loads voices, converts from the microphone to the speaker, and reports.

server ──► reader thread: samples to the engine and back ──► server
       ──► main thread: settings, recordings, reports ten times a second
       ──► thread that loads the next voice
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from queue import Empty, SimpleQueue

import numpy as np
from numpy.typing import NDArray

from myna.apps.actions.live import Card, LiveSession, open_card
from myna.apps.gui.live.messages import (
    BrowserSound,
    Change,
    ChangeVoice,
    DeviceSound,
    FromProcess,
    OpenedVoice,
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
from myna.apps.gui.live.meters import Level, PitchTrace, SingerRange
from myna.apps.gui.live.recording import Recording, Sung
from myna.apps.gui.live.tone import open_tone
from myna.conversion.transposition import shift_between
from myna.errors import MynaError, explain
from myna.options import ConversionOptions, LiveOptions
from myna.realtime.callbacks import InputCallback, OutputCallback
from myna.realtime.device import Port
from myna.realtime.device_list import choose_sound_device, list_devices
from myna.realtime.engine import LiveReport
from myna.realtime.interface import LiveSettings
from myna.realtime.monitor import Monitor
from myna.signals import leave_terminal_to_parent
from myna.studio.voices import LibraryVoice

Samples = NDArray[np.float32]

_log = logging.getLogger(__name__)

_KEPT_BLOCKS = 1000  # limit on blocks that wait to be measured, more than the delay of a slow disk


def run_session(connection: Connection) -> None:
    """Run the session of the first message, until a message stops the session or the server ends."""
    leave_terminal_to_parent()
    try:
        start = connection.recv()
    except EOFError:
        return
    Session(connection, start).run()


@dataclass
class _Singing:
    """The current voice and its settings."""

    voice: LibraryVoice | None  # None is the test tone
    opened: OpenedVoice
    settings: LiveSettings
    automatic: bool

    @property
    def name(self) -> str | None:
        """Name of the voice."""
        return None if self.voice is None else self.voice.name


class Session:
    """A live session."""

    def __init__(self, connection: Connection, start: Start) -> None:
        self._connection = connection
        self._start = start
        self._sending = threading.Lock()
        self._commands: SimpleQueue[ToProcess | _Singing] = SimpleQueue()
        self._blocks: deque[tuple[Samples, Samples]] = deque(maxlen=_KEPT_BLOCKS)
        self._browser: BrowserCard | None = None
        self._monitor: Monitor | None = None
        self._recording: Recording | None = None
        self._singer = SingerRange()
        self._levels = (Level(), Level())
        self._measured_seconds = 0.0

    def run(self) -> None:
        """Load the voice, and convert until the session ends."""
        threading.Thread(target=self._receive, name="receiver", daemon=True).start()
        start = self._start
        try:
            if start.voice is None:
                opened = open_tone()
            else:
                opened = start.open_voice(start.voice, start.settings, start.block_seconds)
            self._card = self._open_card()
            self._live = LiveSession(
                opened.stream,
                self._card,
                block_seconds=opened.block_seconds,
                reserve_seconds=opened.reserve_seconds,
            )
            self._live.engine.listener = self._listen
            self._use(_Singing(start.voice, opened, start.settings, start.automatic))
            with self._live:
                self._convert()
        except Exception as error:
            self._send(Problem(_line(error)))
        finally:
            self._close_monitor()
            self._end_recording()
            self._connection.close()

    def _open_card(self) -> Card:
        sound = self._start.sound
        if isinstance(sound, BrowserSound):
            self._browser = BrowserCard(sound.sample_rate)
            return self._browser
        card, _ = open_card(LiveOptions(input_device=sound.input_device, output_device=sound.output_device))
        self._open_monitor(card.output_rate)
        return card

    def _open_monitor(self, sample_rate: int) -> None:
        """Open the second output, if there is one.

        Raises:
            DeviceError: it cannot be opened.
        """
        sound = self._start.sound
        if isinstance(sound, DeviceSound) and sound.monitor_device is not None:
            device = choose_sound_device(list_devices(), "output", sound.monitor_device)
            self._monitor = Monitor(Port(device, "output"), sample_rate)

    def _close_monitor(self) -> None:
        monitor, self._monitor = self._monitor, None
        if monitor is not None:
            monitor.close()

    def _convert(self) -> None:
        """Handle messages and send reports until the session is stopped."""
        is_lost = False
        for news in self._live.news():
            if isinstance(news, str):  # a device was lost or is available again
                is_lost = not is_lost
                self._send(Problem(news if is_lost else None))
                if is_lost:  # the search for the device needs all others to be closed
                    self._close_monitor()
                else:
                    self._open_monitor(self._card.output_rate)
                continue
            if not self._handle_commands():
                return
            self._measure()
            self._report(news)

    # ---- Messages

    def _send(self, message: FromProcess) -> None:
        with self._sending, suppress(OSError, ValueError):  # the server may have ended
            self._connection.send(message)

    def _receive(self) -> None:
        """Pass samples through the engine, and queue all other messages."""
        while True:
            try:
                message = self._connection.recv()
            except (EOFError, OSError):
                message = Stop()
            if isinstance(message, Sound):
                self._exchange(message)
            else:
                self._commands.put(message)
            if isinstance(message, Stop):
                return

    def _exchange(self, sound: Sound) -> None:
        """Answer samples of the browser with the same number of output samples and the same position."""
        if self._browser is not None:
            output = self._browser.exchange(np.frombuffer(sound.samples, np.float32))
            if output is not None:
                self._send(Sound(sound.position, output.tobytes()))

    def _listen(self, source: Samples, converted: Samples) -> None:
        """Keep a block for the main thread, and play it on the monitor; the engine's worker calls this."""
        monitor = self._monitor
        if monitor is not None:
            monitor.play(converted)
        self._blocks.append((source.copy(), converted))

    def _handle_commands(self) -> bool:
        """Handle the received messages; return True if the session continues."""
        with suppress(Empty):
            while not isinstance(message := self._commands.get_nowait(), Stop):
                try:
                    self._handle(message)
                except Exception as error:
                    self._send(Problem(_line(error)))
                    self._settle()
            return False
        return True

    def _handle(self, message: ToProcess | _Singing) -> None:
        if isinstance(message, Change):
            self._change(message.settings, message.automatic)
        elif isinstance(message, ChangeVoice):
            threading.Thread(target=self._replace, args=(message.voice,), name="loader", daemon=True).start()
        elif isinstance(message, _Singing):
            self._use(message)
        elif isinstance(message, Record) and message.on:
            self._begin_recording()
        elif isinstance(message, Record):
            self._end_recording()

    # ---- Settings and voices

    def _change(self, asked: LiveSettings, automatic: bool) -> None:
        """Apply settings; if `automatic`, use the transposition that fits the singer and the voice.

        Raises:
            ConfigError: the voice does not support the settings.
        """
        singing = self._singing
        settings = asked
        if automatic:
            settings = replace(asked, transpose=self._fitting(singing.opened, asked.transpose))
        singing.opened.stream.change(settings)
        singing.settings, singing.automatic = settings, automatic
        if settings != asked:  # an answer to each change would undo later ones on the page for a moment
            self._settle()

    def _fitting(self, opened: OpenedVoice, transpose: float) -> float:
        """Return the shift from the singer's pitch to the voice's, or `transpose` if either pitch is unknown."""
        if self._singer.found is None or opened.pitch is None:
            return transpose
        return shift_between(self._singer.found, opened.pitch, ConversionOptions().transpose_step)

    def _settle(self) -> None:
        self._send(Settled(self._singing.settings, self._singing.automatic))

    def _replace(self, voice: LibraryVoice) -> None:
        """Load a voice beside the current one, and continue with it."""
        try:
            opened = self._start.open_voice(voice, self._settings_of_next(), self._start.block_seconds)
            settings = self._settings_of_next()  # they may have changed while the voice was loaded
            automatic = self._singing.automatic
            if automatic:
                settings = replace(settings, transpose=self._fitting(opened, settings.transpose))
            opened.stream.change(settings)
            self._live.replace(
                opened.stream, block_seconds=opened.block_seconds, reserve_seconds=opened.reserve_seconds
            )
            self._commands.put(_Singing(voice, opened, settings, automatic))
        except Exception as error:
            self._send(Problem(f"{voice.name} cannot sing: {_line(error)}"))
            self._send(Running(self._singing.name))

    def _settings_of_next(self) -> LiveSettings:
        """Return the settings in use for another voice; speakers belong to a voice."""
        return replace(self._singing.settings, speaker=None, speaker_mix=None)

    def _use(self, singing: _Singing) -> None:
        """Make this voice the current one. A recording contains one voice: a running one ends, and another begins."""
        was_recording = self._recording is not None
        self._end_recording()
        self._singing = singing
        start = self._measured_seconds
        self._traces = PitchTrace(self._card.input_rate, start), PitchTrace(self._card.output_rate, start)
        if was_recording:
            self._begin_recording()
        self._send(Running(singing.name))
        self._settle()

    # ---- Recording

    def _begin_recording(self) -> None:
        if self._recording is None and self._singing.voice is not None:
            rates = self._card.input_rate, self._card.output_rate
            self._recording = Recording(self._start.workspace, *rates, self._live.report().stream)

    def _end_recording(self) -> None:
        recording, self._recording = self._recording, None
        if recording is None:
            return
        singing, singer = self._singing, self._singer.found
        assert singing.voice is not None
        sung = Sung(singing.voice, singing.opened, singing.settings, None if singer is None else singer.median_hz)
        try:
            self._send(Recorded(recording.finish(sung)))
        except (MynaError, OSError) as error:
            self._send(Problem(f"the recording is lost: {_line(error)}"))

    # ---- Measurement

    def _measure(self) -> None:
        """Measure and record the blocks since the last call."""
        blocks = [self._blocks.popleft() for _ in range(len(self._blocks))]
        for source, converted in blocks:
            for level, samples in zip(self._levels, (source, converted), strict=True):
                level.add(samples)
            self._record(source, converted)
        if not blocks:
            return
        sources, outputs = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
        self._measured_seconds += len(sources) / self._card.input_rate
        source_f0 = self._traces[0].measure(sources)
        self._traces[1].measure(outputs)
        if self._singer.add(source_f0) and self._singing.automatic:
            self._change(self._singing.settings, automatic=True)

    def _record(self, source: Samples, converted: Samples) -> None:
        if self._recording is None:
            return
        try:
            self._recording.add(source, converted)
        except MynaError as error:
            self._recording.discard()
            self._recording = None
            self._send(Problem(f"the recording is lost: {_line(error)}"))

    def _report(self, found: LiveReport) -> None:
        compute = found.compute
        self._send(
            Report(
                seconds=found.seconds,
                levels_db=(self._levels[0].read_db(), self._levels[1].read_db()),
                source_pitch=self._traces[0].last(),
                voice_pitch=self._traces[1].last(found.stream),
                heard_seconds=self._singer.seconds,
                recorded_seconds=None if self._recording is None else self._recording.seconds,
                block=found.block,
                compute=(compute.median, compute.p95, compute.p99),
                delays={"device": found.input + found.output, "buffer": found.buffer, "look_ahead": found.stream},
                recent_gaps=found.recent_gaps,
                n_gaps=found.n_gaps,
            )
        )


class BrowserCard:
    """Microphone and speaker of a browser, in place of a sound card; both have one clock."""

    def __init__(self, sample_rate: int) -> None:
        self.input_rate = self.output_rate = sample_rate
        self.latencies = (0.0, 0.0)  # the page adds the browser's latencies
        self._callbacks: tuple[InputCallback, OutputCallback] | None = None

    def start(self, take: InputCallback, give: OutputCallback) -> None:
        """Start calling the callbacks."""
        self._callbacks = take, give

    def exchange(self, samples: Samples) -> Samples | None:
        """Return the same number of output samples as in `samples` (n,), or None before the start."""
        if self._callbacks is None:
            return None
        take, give = self._callbacks
        take(samples[:, None])
        output = np.empty((len(samples), 1), np.float32)
        give(output)
        return output

    def check(self) -> str | None:
        """Return None, because a lost browser ends the session."""
        return None

    def close(self) -> None:
        """Stop calling the callbacks."""
        self._callbacks = None


def _line(error: Exception) -> str:
    """Return an error in one line; also log unexpected exceptions."""
    text = explain(error)
    if text is None:
        _log.error("%s", "".join(traceback.format_exception(error)))
        text = f"{type(error).__name__}: {error} (a defect: please report it)"
    return text
