"""Live conversion: a loaded voice, and its stream between the devices."""

from __future__ import annotations

import gc
import math
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from myna.apps.actions.convert import noted_defaults, options_for
from myna.apps.actions.voice_files import VoiceFiles
from myna.errors import DeviceError
from myna.options import LIVE_CONVERSION, ConversionOptions, LiveOptions

if TYPE_CHECKING:
    from myna.config import PitchRange
    from myna.realtime.callbacks import InputCallback, OutputCallback
    from myna.realtime.device import SoundCard
    from myna.realtime.device_list import SoundDevice
    from myna.realtime.engine import LiveReport
    from myna.realtime.interface import LiveSettings, Samples, SoundStream
    from myna.realtime.latency import RoundTrip
    from myna.realtime.recording import Recorder
    from myna.realtime.warm_up import BlockStream, WarmUp
    from myna.voice import Voice

_REPORT_SECONDS = 0.1
_PUSHED_SECONDS = 0.04  # largest part of a block that is passed to the stream
_PITCH_SECONDS = 0.3  # of input in which the pitch is measured
# Python gives its lock to a waiting thread after this time; a callback of the sound card must not wait for 5 ms.
_SWITCH_SECONDS = 0.0005
_LONGEST_MEASUREMENT = 40  # limit on the number of bursts


class Card(Protocol):
    """Sound devices, or files in place of them: `SoundCard` or `PacedFile`."""

    @property
    def input_rate(self) -> int:
        """Sample rate of the input in Hz."""

    @property
    def output_rate(self) -> int:
        """Sample rate of the output in Hz."""

    @property
    def latencies(self) -> tuple[float, float]:
        """Delays of input and output in seconds."""

    def start(self, take: InputCallback, give: OutputCallback) -> None:
        """Start to call the callbacks."""

    def check(self) -> str | None:
        """Return a message if a device was lost or is available again; otherwise None."""

    def close(self) -> None:
        """Stop and close the devices."""


@dataclass(frozen=True)
class LiveVoice:
    """A voice that is ready to sing.

    Attributes:
        name: name of the speaker and of the file, for the header of recordings.
        options: the given options, completed with the defaults of the voice.
        defaults: the defaults of the voice that were used.
        pitch: pitch range of the recordings of the voice; None if unknown.
        ready: its stream, and the measured speed.
    """

    name: str
    options: ConversionOptions
    defaults: Mapping[str, Any]
    pitch: PitchRange | None
    ready: WarmUp


def settings_of(conversion: ConversionOptions, live: LiveOptions) -> LiveSettings:
    """Return those options that may change while the voice sings."""
    from myna.realtime.interface import LiveSettings

    return LiveSettings(
        transpose=conversion.transpose,
        speaker=conversion.speaker,
        speaker_mix=conversion.speaker_mix,
        dry_wet=live.dry_wet,
        gate_db=live.gate_db,
        bypass=live.passthrough_original,
    )


def live_options_for(
    voice: Voice, given: Mapping[str, Any], defaults: Mapping[str, Any]
) -> tuple[ConversionOptions, dict[str, Any]]:
    """Complete the given options with those defaults of a voice that live conversion supports, see `options_for`."""
    return options_for(voice, given, {name: value for name, value in defaults.items() if name in LIVE_CONVERSION})


def load_live_voice(files: VoiceFiles, given: Mapping[str, Any], live: LiveOptions, device: str = "cpu") -> LiveVoice:
    """Load a voice, and measure whether this computer is fast enough.

    Args:
        files: the voice.
        given: options of the conversion that a person has given; the others get the voice's defaults.
        live: options of the stream.
        device: torch device.

    Raises:
        CheckpointError, ConfigError: the file is not a voice, or the voice does not support the options.
        DeviceError: this computer is too slow; the message suggests a longer block, if one is long enough.
    """
    from myna.conversion.converter import Converter
    from myna.conversion.settings import ConversionSettings
    from myna.realtime.stream import open_stream
    from myna.realtime.warm_up import warm_up

    converter = Converter.load(files.find_weights(), files.config, device)
    voice = converter.voice
    noted = noted_defaults(voice.path, [Path.cwd()])
    options, used = live_options_for(voice, given, noted or voice.defaults)
    pitch = ConversionSettings.resolve(voice.config, voice.path, options).voice_pitch
    settings = settings_of(options, live)

    def opened(block_seconds: float | None) -> BlockStream:
        return open_stream(voice, options, settings, block_seconds, device)

    ready = warm_up(opened, live.block_seconds, force=live.force)
    if live.reserve_seconds is not None:
        ready = replace(ready, reserve_seconds=live.reserve_seconds)
    return LiveVoice(converter.voice_name(options), options, used, pitch, ready)


def open_card(live: LiveOptions) -> tuple[SoundCard, list[str]]:
    """Open the chosen devices.

    Returns:
        The devices, and sentences of advice on the choice of devices.

    Raises:
        MissingExtraError: sounddevice is not installed.
        DeviceError: PortAudio or a device is missing, or a device cannot be opened.
    """
    from myna.realtime.device import SoundCard
    from myna.realtime.device_list import advice_on, choose_sound_device, list_devices

    devices = list_devices()
    microphone = choose_sound_device(devices, "input", live.input_device)
    output = choose_sound_device(devices, "output", live.output_device)
    advice = [advice_on(microphone, "input", devices), advice_on(output, "output", devices)]
    return SoundCard(microphone, output, live.device_seconds), [one for one in advice if one is not None]


def sound_devices() -> list[SoundDevice]:
    """Return the devices of this computer.

    Raises:
        MissingExtraError, DeviceError: sounddevice or PortAudio is missing.
    """
    from myna.realtime.device_list import list_devices

    return list_devices()


class LiveSession:
    """A stream that runs between the devices until the end of the `with` block.

    with LiveSession(ready.stream, card, block_seconds=0.1, reserve_seconds=0.1) as session:
        for news in session.news():
            ...
    """

    def __init__(
        self,
        stream: SoundStream,
        card: Card,
        *,
        block_seconds: float,
        reserve_seconds: float,
        recorder: Recorder | None = None,
    ) -> None:
        """
        Args:
            stream: the converter.
            card: open devices; they are closed at the end.
            block_seconds: length of the sound that the stream converts at once.
            reserve_seconds: length of the converted sound that is played while the next block is converted.
            recorder: recording of this session; it is completed at the end.
        """
        from myna.realtime.engine import Engine

        self.card = card
        # The stream collects the blocks that it needs, so short ones do not add to the delay.
        pushed_seconds = block_seconds / math.ceil(block_seconds / _PUSHED_SECONDS)
        self.engine = Engine(
            stream,
            card.input_rate,
            card.output_rate,
            block_seconds=pushed_seconds,
            reserve_seconds=reserve_seconds,
            period_seconds=block_seconds,
        )
        self._recorder = recorder
        self._recent: deque[Samples] = deque(maxlen=max(round(_PITCH_SECONDS / pushed_seconds), 1))
        self.engine.listener = self._listen
        if recorder is not None:
            self.engine.output.played = recorder.played
        self._cleanup = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as cleanup:
            if self._recorder is not None:
                cleanup.callback(self._recorder.close)
            cleanup.callback(sys.setswitchinterval, sys.getswitchinterval())
            sys.setswitchinterval(_SWITCH_SECONDS)
            # Disable the garbage collector, which would block the callbacks while it scans all objects of the
            # libraries.
            gc.collect()
            gc.freeze()
            cleanup.callback(gc.unfreeze)
            cleanup.callback(self.engine.stop)
            cleanup.callback(self.card.close)
            self.engine.start()
            self.card.start(self.engine.input, self.engine.output)
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    def replace(self, stream: SoundStream, *, block_seconds: float | None = None, reserve_seconds: float = 0.0) -> None:
        """Continue with the warmed-up stream of another voice; call this from another thread.

        Args:
            stream: the new stream.
            block_seconds: length of the sound that it converts at once.
            reserve_seconds: required length of the converted sound that is played while the new stream converts its
                next block.

        Raises:
            DeviceError: the devices delivered no sound.
        """
        if not self.engine.replace(stream, reserve_seconds=reserve_seconds, period_seconds=block_seconds):
            raise DeviceError("the voice was not changed, because no sound came from the microphone")

    def report(self) -> LiveReport:
        """Return the current state."""
        microphone, headphones = self.card.latencies
        return replace(self.engine.report(), input=microphone, output=headphones)

    def pitch_hz(self) -> float | None:
        """Return the pitch of the newest input, measured in about 10 ms; None if unvoiced."""
        import numpy as np

        from myna.features.f0 import F0_ESTIMATORS
        from myna.options import DEFAULT_F0_METHOD

        blocks = list(self._recent)
        if not blocks:
            return None
        rate = self.card.input_rate
        f0 = F0_ESTIMATORS[DEFAULT_F0_METHOD](np.concatenate(blocks), rate, rate // 100, "cpu")
        return float(np.median(f0[f0 > 0])) if np.count_nonzero(f0) > len(f0) // 2 else None

    def _listen(self, recorded: Samples, converted: Samples) -> None:
        self._recent.append(recorded.copy())
        if self._recorder is not None:
            self._recorder.add(recorded, converted)

    def news(self) -> Iterator[LiveReport | str]:
        """Yield a report ten times per second, and a message when a device is lost or available again.

        Raises:
            Exception: the error with which the conversion failed.
        """
        while True:
            if self.engine.failure is not None:
                raise self.engine.failure
            if (message := self.card.check()) is not None:
                self.engine.settle()
                yield message
            yield self.report()
            time.sleep(_REPORT_SECONDS)


def measure_latency(card: Card, block_seconds: float, reserve_seconds: float) -> RoundTrip:
    """Play bursts of noise, and return the delay until the input records them. No voice is used.

    Raises:
        DeviceError: the input does not record the output, or the delay is not constant.
    """
    from myna.realtime.latency import LoopbackProbe

    probe = LoopbackProbe()
    session = LiveSession(probe, card, block_seconds=block_seconds, reserve_seconds=reserve_seconds)
    with session:
        for _ in session.news():
            if probe.result is not None:
                return probe.result
            if probe.n_bursts >= _LONGEST_MEASUREMENT:
                break
    if probe.n_unclear > probe.n_bursts // 2:
        raise DeviceError(
            "the microphone does not record the output: connect both with a cable, or hold the headphones to the "
            "microphone and turn them up"
        )
    raise DeviceError("the delay changes from burst to burst; close other programs, or raise --device-seconds")


def record_to(folder: Path, card: Card, voice: str, mark: bool) -> Recorder:
    """Start to record a session into a folder.

    Raises:
        AudioError: the files cannot be written.
    """
    from myna.realtime.recording import Recorder

    return Recorder(folder, card.input_rate, card.output_rate, voice, mark=mark)
