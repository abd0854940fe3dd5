"""Sound cards: opening of the input and output devices, and reopening after a loss."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from myna.errors import DeviceError, MissingExtraError, MynaError
from myna.realtime.callbacks import InputCallback, OutputCallback
from myna.realtime.device_list import Kind, SoundDevice, list_devices

Samples = NDArray[np.float32]

_log = logging.getLogger(__name__)

_USUAL_RATES = (48000, 44100, 96000, 32000, 16000)
_LOST_SECONDS = 2.0  # a device without a callback for this time counts as lost
_SEARCH_SECONDS = 2.0
_LONGEST_DELAY_SECONDS = 1.0  # of a device; longer ones are errors of drivers
_LATENCY_SECONDS = 0.05  # requested from a device
# PortAudio's codes for refusals after which another format is tried.
_INVALID_CHANNELS, _INVALID_RATE = -9998, -9997


class Port:
    """An open device, whose callback calls `target` after `start`."""

    def __init__(
        self, device: SoundDevice, kind: Kind, latency_seconds: float = _LATENCY_SECONDS, rate: int | None = None
    ) -> None:
        """Open the device at its default rate with one channel or, if it refuses this, in the next possible format.

        Args:
            device: the device.
            kind: whether to record or to play.
            latency_seconds: wanted length of the device's own buffer.
            rate: the only sample rate to try, in Hz; None tries several rates.

        Raises:
            DeviceError: the device cannot be opened.
        """
        self.device, self.kind = device, kind
        self.target: InputCallback | OutputCallback | None = None
        rates = (rate,) if rate is not None else dict.fromkeys((device.sample_rate, *_USUAL_RATES))
        formats = ((each, n) for each in rates for n in range(1, max(device.channels(kind), 1) + 1))
        sounddevice = _library()
        refused: Any = None
        refused_rate = 0
        for self.rate, self.channels in formats:
            if self.rate == refused_rate:
                continue
            try:
                self._stream = self._opened(sounddevice, latency_seconds)
                return
            except sounddevice.PortAudioError as error:
                refused = error
                code = error.args[1] if len(error.args) > 1 else None
                if code == _INVALID_RATE:
                    refused_rate = self.rate
                elif code != _INVALID_CHANNELS:
                    break
        raise DeviceError(f"cannot open the {kind} device {device}: {_reason(refused)}; svc devices lists all")

    @property
    def latency(self) -> float:
        """Delay of the device in seconds, as stated by the driver."""
        return float(self._stream.latency)

    @property
    def is_active(self) -> bool:
        """True while the device runs."""
        return bool(self._stream.active)

    def start(self, target: InputCallback | OutputCallback) -> None:
        """Start to call `target` with buffers, (n, C).

        Raises:
            DeviceError: the device cannot be started.
        """
        self.target = target
        try:
            self._stream.start()
        except _library().PortAudioError as error:
            raise DeviceError(f"cannot start the {self.kind} device {self.device}: {_reason(error)}") from error

    def close(self) -> None:
        """Stop and close the device, even if it is lost."""
        with suppress(_library().PortAudioError):
            self._stream.abort(ignore_errors=True)
        with suppress(_library().PortAudioError):
            self._stream.close(ignore_errors=True)

    def _opened(self, sounddevice: Any, latency_seconds: float) -> Any:
        settings: dict[str, Any] = {
            "device": self.device.index,
            "samplerate": self.rate,
            "channels": self.channels,
            "dtype": "float32",
            "latency": latency_seconds,
            "blocksize": 0,  # the device's own size; adapting it to a fixed one would add delay
        }
        if self.device.host_api == "Windows WASAPI":
            settings["extra_settings"] = sounddevice.WasapiSettings(auto_convert=True)
        kind = sounddevice.InputStream if self.kind == "input" else sounddevice.OutputStream
        return kind(callback=self._call, **settings)

    def _call(self, frames: Samples, n: int, times: Any, status: Any) -> None:
        target = self.target
        if target is None:
            return
        if status.input_overflow or status.output_underflow:
            target.n_gaps += 1
        if self.kind == "input":
            seconds = times.currentTime - times.inputBufferAdcTime - n / self.rate
        else:
            seconds = times.outputBufferDacTime - times.currentTime
        # Some drivers do not state times, which are then 0.
        target.device_seconds = seconds if abs(seconds) < _LONGEST_DELAY_SECONDS else 0.0
        target(frames)


class SoundCard:
    """The input and the output device of live conversion.

    A lost device is searched for and opened again. No other device replaces it, because loudspeakers could then feed
    the sound back to the microphone.
    """

    def __init__(
        self, input_device: SoundDevice, output_device: SoundDevice, latency_seconds: float = _LATENCY_SECONDS
    ) -> None:
        """Open both devices.

        Raises:
            DeviceError: a device cannot be opened.
        """
        self._devices = input_device, output_device
        self._latency_seconds = latency_seconds
        self._callbacks: tuple[InputCallback, OutputCallback] | None = None
        self._ports: tuple[Port, Port] | None = None
        self._started = self._searched = 0.0
        self._open()

    @property
    def input_rate(self) -> int:
        """Sample rate of the input in Hz."""
        return self._rates[0]

    @property
    def output_rate(self) -> int:
        """Sample rate of the output in Hz."""
        return self._rates[1]

    @property
    def latencies(self) -> tuple[float, float]:
        """Delays of input and output in seconds, as stated by the drivers; 0 while a device is lost."""
        return (0.0, 0.0) if self._ports is None else (self._ports[0].latency, self._ports[1].latency)

    def start(self, take: InputCallback, give: OutputCallback) -> None:
        """Start both devices.

        Raises:
            DeviceError: a device cannot be started.
        """
        self._callbacks = take, give
        self._start()

    def check(self) -> str | None:
        """Return a message if a device was lost or is available again, else None; call it several times per second."""
        if self._ports is None:
            return self._search()
        lost = next((port.device for port in self._ports if self._is_lost(port)), None)
        if lost is None:
            return None
        self.close()
        self._searched = time.perf_counter()
        return f"lost the sound device {lost}; waiting until it is back"

    def close(self) -> None:
        """Stop and close both devices."""
        ports, self._ports = self._ports, None
        for port in ports or ():
            port.close()

    def _open(self, rates: tuple[int | None, int | None] = (None, None)) -> None:
        take = Port(self._devices[0], "input", self._latency_seconds, rates[0])
        try:
            give = Port(self._devices[1], "output", self._latency_seconds, rates[1])
        except DeviceError:
            take.close()
            raise
        self._ports = take, give
        self._rates = take.rate, give.rate

    def _start(self) -> None:
        assert self._ports is not None and self._callbacks is not None
        self._started = time.perf_counter()
        # Start the output first, so that its buffer is full when the first sound arrives.
        self._ports[1].start(self._callbacks[1])
        self._ports[0].start(self._callbacks[0])

    def _is_lost(self, port: Port) -> bool:
        assert self._callbacks is not None
        last = self._callbacks[0 if port.kind == "input" else 1].last_call
        return not port.is_active or time.perf_counter() - max(last, self._started) > _LOST_SECONDS

    def _search(self) -> str | None:
        if time.perf_counter() - self._searched < _SEARCH_SECONDS:
            return None
        self._searched = time.perf_counter()
        try:
            present = list_devices()
            found = [next((one for one in present if one.is_same(device)), None) for device in self._devices]
            if found[0] is None or found[1] is None:
                return None
            self._devices = found[0], found[1]
            restart_portaudio()
            self._open(self._rates)
            self._start()
        except MynaError as error:
            _log.debug("the sound device is not back: %s", error)
            self.close()
            return None
        return "the sound device is back"


def restart_portaudio() -> None:
    """Make PortAudio update its list of devices; no stream may be open."""
    sounddevice = _library()
    sounddevice._terminate()
    sounddevice._initialize()


def _library() -> Any:
    try:
        import sounddevice
    except ModuleNotFoundError as error:
        raise MissingExtraError("live conversion", "live") from error
    return sounddevice


def _reason(error: BaseException) -> str:
    """Return PortAudio's reason without its number."""
    text = str(error.args[0] if error.args else error)
    host = error.args[2][2] if len(error.args) > 2 and error.args[2] else ""
    return (
        (f"{text} ({host})" if host else text)
        .replace("Error opening InputStream: ", "")
        .replace("Error opening OutputStream: ", "")
    )
