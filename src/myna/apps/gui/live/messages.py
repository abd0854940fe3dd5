"""Messages between the server and the process of a live session. This module imports neither NumPy nor PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from myna.studio.voices import LibraryVoice
from myna.studio.workspace import Workspace

if TYPE_CHECKING:
    from myna.config import PitchRange
    from myna.realtime.interface import LiveSettings, VoiceStream


@dataclass(frozen=True)
class BrowserSound:
    """Microphone and speaker of a browser, whose samples arrive through a socket."""

    sample_rate: int  # sample rate of the browser's audio context in Hz


@dataclass(frozen=True)
class DeviceSound:
    """Sound devices of the studio's computer."""

    input_device: str | None  # number, or part of the name; None selects the system's default
    output_device: str | None
    monitor_device: str | None  # a second output; None for none


@dataclass(frozen=True)
class OpenedVoice:
    """A voice that is ready to convert a stream."""

    stream: VoiceStream
    label: str  # speaker and file name, for the tags of recordings
    pitch: PitchRange | None  # pitch of the speaker's recordings
    block_seconds: float
    reserve_seconds: float  # length of the converted sound that is played while the next block is converted


# Function that loads a voice. Its last argument is the length of the blocks in seconds; None chooses it.
OpenVoice = Callable[[LibraryVoice, "LiveSettings", float | None], OpenedVoice]


@dataclass(frozen=True)
class Start:
    """First message to the process: start a session."""

    workspace: Workspace
    sound: BrowserSound | DeviceSound
    voice: LibraryVoice | None  # None plays a tone, to test the devices
    settings: LiveSettings
    automatic: bool  # whether the transposition follows the pitch of the first seconds of singing
    block_seconds: float | None
    open_voice: OpenVoice


@dataclass(frozen=True)
class Change:
    """Change the settings."""

    settings: LiveSettings
    automatic: bool


@dataclass(frozen=True)
class ChangeVoice:
    """Load another voice beside the current one, and then continue with it and with the same settings."""

    voice: LibraryVoice


@dataclass(frozen=True)
class Record:
    """Start a recording, or end the recording and keep it as a result."""

    on: bool


@dataclass(frozen=True)
class Stop:
    """End the session, and keep its recording."""


@dataclass(frozen=True)
class Sound:
    """Samples from or for a browser, float32, with the position of the first one in the browser's recording."""

    position: float
    samples: bytes


@dataclass(frozen=True)
class Running:
    """From the process: name of the voice that is now used, or None while a test tone is played."""

    voice: str | None


@dataclass(frozen=True)
class Settled:
    """From the process: the current settings."""

    settings: LiveSettings
    automatic: bool


@dataclass(frozen=True)
class Problem:
    """From the process: a problem in one line; None after the problem was solved."""

    text: str | None


@dataclass(frozen=True)
class Recorded:
    """From the process: number of the result made from a recording."""

    result: int


@dataclass(frozen=True)
class Report:
    """From the process, ten times a second: levels, pitch, delays and gaps. Times are in seconds.

    Attributes:
        seconds: time since the first sound.
        levels_db: peak level of the source and of the output.
        source_pitch: time and f0 in Hz of the source in the last second, None where unvoiced.
        voice_pitch: time and f0 in Hz of the output; the times are those of the converted source.
        heard_seconds: length of the singing measured for the automatic transposition.
        recorded_seconds: length of the running recording; None if there is none.
        block: length of the blocks.
        compute: percentiles (median, 95th, 99th) of the conversion time of a block.
        delays: parts of the delay, by name.
        recent_gaps: gaps in the output in the last ten seconds.
        n_gaps: gaps since the start.
    """

    seconds: float = 0.0
    levels_db: tuple[float, float] = (-120.0, -120.0)
    source_pitch: list[tuple[float, float | None]] = field(default_factory=list)
    voice_pitch: list[tuple[float, float | None]] = field(default_factory=list)
    heard_seconds: float = 0.0
    recorded_seconds: float | None = None
    block: float = 0.0
    compute: tuple[float, float, float] = (0.0, 0.0, 0.0)
    delays: Mapping[str, float] = field(default_factory=dict)
    recent_gaps: int = 0
    n_gaps: int = 0


ToProcess = Start | Change | ChangeVoice | Record | Stop | Sound
FromProcess = Running | Settled | Problem | Recorded | Report | Sound
