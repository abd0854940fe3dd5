"""Sound devices of this computer, and the choice of a device by its name or number."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from myna.errors import DeviceError, MissingExtraError
from myna.text import printable

Kind = Literal["input", "output"]

_PROBE = Path(__file__).with_name("device_probe.py")
_TIMEOUT_SECONDS = 20
# Each card is listed once for each interface of the system ("host API"); the first of these interfaces has the shortest
# delay. DirectSound and MME add 50 to 200 ms, and WDM-KS blocks the card for other programs.
_HOST_APIS = ("Windows WASAPI", "Core Audio", "JACK Audio Connection Kit", "ALSA", "OSS", "ASIO")
_SLOW_HOST_APIS = ("MME", "Windows DirectSound")
_MME_NAME_LENGTH = 31  # MME truncates longer names
_NO_PORTAUDIO = "the PortAudio library is missing; on Debian and Ubuntu: apt install libportaudio2"


@dataclass(frozen=True)
class SoundDevice:
    """A device in one host API of the system.

    Attributes:
        index: PortAudio's number, which may change when a device is connected.
        sample_rate: default sample rate in Hz.
    """

    index: int
    name: str
    host_api: str
    input_channels: int
    output_channels: int
    sample_rate: int
    is_default_input: bool = False
    is_default_output: bool = False

    def channels(self, kind: Kind) -> int:
        """Return the maximum number of channels; 0 if the device does not record, or does not play."""
        return self.input_channels if kind == "input" else self.output_channels

    def is_default(self, kind: Kind) -> bool:
        """Return True if the device is the default of its host API."""
        return self.is_default_input if kind == "input" else self.is_default_output

    def is_same(self, other: SoundDevice) -> bool:
        """Return True if both are the same device of the same host API; their numbers may differ."""
        return (self.name, self.host_api) == (other.name, other.host_api)

    def __str__(self) -> str:
        return printable(f"{self.index}: {self.name} ({self.host_api})")


def list_devices() -> list[SoundDevice]:
    """Return the current devices, found by a child process.

    Raises:
        MissingExtraError: sounddevice is not installed.
        DeviceError: the PortAudio library is missing, or a driver crashed or hung.
    """
    command = [sys.executable, "-P", str(_PROBE)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_SECONDS, stdin=subprocess.DEVNULL)
        found = json.loads(done.stdout) if done.returncode == 0 else None
    except subprocess.TimeoutExpired as error:
        raise DeviceError(
            f"a sound driver has not answered for {_TIMEOUT_SECONDS} s; disconnect the device that was connected last, "
            "or restart the sound system"
        ) from error
    if found is None:
        raise DeviceError("a sound driver crashes when it lists its devices; disconnect or update the newest one")
    if found.get("missing") == "sounddevice":
        raise MissingExtraError("live conversion", "live")
    if found.get("missing") == "portaudio":
        raise DeviceError(_NO_PORTAUDIO)
    return [SoundDevice(**one) for one in found["devices"]]


def choose_sound_device(devices: list[SoundDevice], kind: Kind, wanted: str | None = None) -> SoundDevice:
    """Return the input or output device that the user selects.

    Args:
        devices: all devices.
        kind: whether to record or to play.
        wanted: number of the device, or a part of its name; None selects the default of the system.

    Raises:
        DeviceError: there is no such device, or several devices have this name.
    """
    usable = [one for one in devices if one.channels(kind)]
    if not usable:
        raise DeviceError(
            f"there is no {kind} device; connect one, and on Linux start the sound server (PipeWire or PulseAudio); "
            "svc devices lists what is found"
        )
    if wanted is None:
        defaults = [one for one in usable if one.is_default(kind)]
        return min(defaults or usable, key=_rank)
    if wanted.isdecimal():
        found = [one for one in usable if one.index == int(wanted)]
    else:
        lower = wanted.lower()
        found = [one for one in usable if one.name.lower() == lower]
        found = found or [one for one in usable if lower in f"{one.name} ({one.host_api})".lower()]
        # For users, the same card in several host APIs is one device.
        if len({one.name[:_MME_NAME_LENGTH] for one in found}) == 1:
            found = [min(found, key=_rank)]
    if len(found) == 1:
        return found[0]
    choice = "; ".join(map(str, found or usable))
    problem = "means several devices" if found else "is not there"
    raise DeviceError(f"the {kind} device {printable(wanted)!r} {problem}; choose one of: {choice}")


def advice_on(device: SoundDevice, kind: Kind, devices: list[SoundDevice]) -> str | None:
    """Return a sentence of advice if another host API has the same device with a shorter delay."""
    if device.host_api not in _SLOW_HOST_APIS:
        return None
    for other in sorted(devices, key=_rank):
        same = other.name[:_MME_NAME_LENGTH] == device.name[:_MME_NAME_LENGTH] and other.channels(kind)
        if same and other.host_api not in _SLOW_HOST_APIS:
            return f"{device.host_api} adds much delay; --{kind}-device {other.index} is the same device with less"
    return None


def _rank(device: SoundDevice) -> int:
    return _HOST_APIS.index(device.host_api) if device.host_api in _HOST_APIS else len(_HOST_APIS)
