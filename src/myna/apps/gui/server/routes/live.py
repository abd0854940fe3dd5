"""Live conversion: one session at a time, with the microphone and the speaker of the page or of this computer."""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import Field

from myna.apps.gui.live.live import SoundLink
from myna.apps.gui.live.messages import BrowserSound, Sound
from myna.apps.gui.server.context import StudioOf
from myna.apps.gui.server.live_view import LiveSettingsView, LiveView, live_view
from myna.apps.gui.server.requests import Body
from myna.errors import ConfigError

router = APIRouter(tags=["live"])

_HEADER = struct.Struct("<d")  # position of the first sample
_LARGEST_MESSAGE = 1 << 16  # bytes; a page sends about 20 ms at once


class LiveSettingsBody(Body, LiveSettingsView):
    """Settings at the start."""


class LiveStart(Body):
    """A session to start."""

    voice: str = Field(description="name of the voice")
    settings: LiveSettingsBody = LiveSettingsBody()
    automatic: bool = Field(True, description="transpose by the pitch of the first ten seconds of singing")
    sample_rate: int = Field(48000, ge=8000, le=192000, description="rate of the browser's audio context in Hz")
    block_seconds: float = Field(0.1, ge=0.02, le=2, description="length of the blocks that are converted")


class LiveChange(Body):
    """Settings to change; those that are not given stay."""

    transpose: float | None = Field(None, description="ends the automatic transposition")
    speaker: str | None = None
    speaker_mix: str | None = None
    dry_wet: float | None = None
    gate_db: float | None = None
    bypass: bool | None = None
    automatic: bool | None = None


class LiveVoice(Body):
    """The voice to continue with."""

    voice: str


class LiveRecording(Body):
    """Whether to record."""

    on: bool


@router.get("/live")
def state(studio: StudioOf) -> LiveView:
    """Return the state of live conversion. Pages get each change as an event."""
    return live_view(studio.live.state, studio.shown)


@router.post("/live/start")
def start(sent: LiveStart, studio: StudioOf) -> LiveView:
    """Start a session with the microphone and the speaker of the page, which connects them to `/live/sound`."""
    from myna.realtime.interface import LiveSettings

    voice = studio.voices.find(sent.voice)
    settings = LiveSettings(**sent.settings.model_dump())
    sound = BrowserSound(sent.sample_rate)
    started = studio.live.start(voice, settings, sent.automatic, sound, sent.block_seconds)
    return live_view(started, studio.shown)


@router.patch("/live/settings")
def change(sent: LiveChange, studio: StudioOf) -> LiveView:
    """Change settings while the voice sings."""
    values = {name: getattr(sent, name) for name in sent.model_fields_set}
    automatic = values.pop("automatic", None)
    if automatic is None and "transpose" in values:
        automatic = False
    return live_view(studio.live.change(automatic, **values), studio.shown)


@router.post("/live/voice")
def voice(sent: LiveVoice, studio: StudioOf) -> LiveView:
    """Load another voice while the current one sings, then continue with it."""
    return live_view(studio.live.change_voice(studio.voices.find(sent.voice)), studio.shown)


@router.post("/live/recording")
def recording(sent: LiveRecording, studio: StudioOf) -> LiveView:
    """Begin a recording, or end it and keep it as a result."""
    return live_view(studio.live.record(sent.on), studio.shown)


@router.post("/live/stop")
def stop(studio: StudioOf) -> LiveView:
    """Stop the session, if there is one."""
    return live_view(studio.live.stop(), studio.shown)


@router.websocket("/live/sound")
async def sound(socket: WebSocket, studio: StudioOf) -> None:
    """Exchange samples: mono float32 after a float64, the position of the first sample, all in little-endian order.

    A message of n samples is answered by one with n samples of the output and the same position. The session ends with
    the socket, and the socket with the session.
    """
    await socket.accept()
    try:
        link = studio.live.attach()
    except ConfigError as error:
        await socket.close(1008, str(error))
        return
    sending = asyncio.ensure_future(_send(socket, link))
    try:
        await _receive(socket, link)
    finally:
        studio.live.detach(link)
        sending.cancel()
        with suppress(asyncio.CancelledError, RuntimeError, WebSocketDisconnect):
            await sending


async def _receive(socket: WebSocket, link: SoundLink) -> None:
    while (message := await socket.receive())["type"] != "websocket.disconnect":
        data = message.get("bytes") or b""
        if not _HEADER.size < len(data) <= _LARGEST_MESSAGE or len(data) % 4:
            await socket.close(1003, "a message has a position and at most 64 kB of float32 samples")
            return
        link.send(Sound(_HEADER.unpack_from(data)[0], data[_HEADER.size :]))


async def _send(socket: WebSocket, link: SoundLink) -> None:
    async for sound in link.receive():
        await socket.send_bytes(_HEADER.pack(sound.position) + sound.samples)
    await socket.close()
