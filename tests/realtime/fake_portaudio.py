"""A stand-in for the module sounddevice, whose devices a test connects, disconnects and makes refuse formats."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np


class PortAudioError(Exception):
    """Error with PortAudio's text and number."""


class Status:
    input_overflow = output_underflow = False


class PortAudio:
    """The module: streams of one kind of card."""

    PortAudioError = PortAudioError

    def __init__(self) -> None:
        self.refuse: Callable[[str, int, int], int] = lambda kind, rate, channels: 0  # a PortAudio number, or 0
        self.streams: list[Any] = []
        self.n_restarts = 0
        self.settings: list[dict[str, Any]] = []
        self.InputStream = lambda **settings: self._stream("input", settings)
        self.OutputStream = lambda **settings: self._stream("output", settings)
        self.WasapiSettings = lambda auto_convert: {"auto_convert": auto_convert}

    def _stream(self, kind: str, settings: dict[str, Any]) -> Any:
        self.settings.append(settings)
        number = self.refuse(kind, settings["samplerate"], settings["channels"])
        if number:
            raise PortAudioError(f"Error opening {kind.title()}Stream: refused", number)
        stream = Stream(settings)
        self.streams.append(stream)
        return stream

    def _terminate(self) -> None:
        assert all(stream.closed for stream in self.streams), "PortAudio ends while a stream is open"
        self.n_restarts += 1

    def _initialize(self) -> None:
        pass


class Stream:
    """A stream that calls back only when a test says so."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.callback, self.channels = settings["callback"], settings["channels"]
        self.latency = settings["latency"]
        self.active = self.closed = False

    def start(self) -> None:
        self.active = True

    def abort(self, ignore_errors: bool) -> None:
        self.active = False

    def close(self, ignore_errors: bool) -> None:
        self.active, self.closed = False, True

    def call(self, *, underflow: bool = False) -> None:
        status = Status()
        status.output_underflow = underflow
        times = SimpleNamespace(currentTime=100.0, inputBufferAdcTime=99.9, outputBufferDacTime=0.0)
        self.callback(np.zeros((64, self.channels), np.float32), 64, times, status)
