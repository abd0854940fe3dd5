"""Live conversion: one session at a time, with the microphone and the speaker of the page or of this computer."""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import Field

from myna.apps.gui.live.live import Place, SoundLink
from myna.apps.gui.live.messages import BrowserSound, DeviceSound, Sound
from myna.apps.gui.server.context import Studio, StudioOf
from myna.apps.gui.server.live_view import (
    LiveDevicesView,
    LiveSettingsView,
    LiveView,
    SoundDeviceView,
    live_view,
)
from myna.apps.gui.server.requests import Body
from myna.errors import ConfigError, MynaError

router = APIRouter(tags=["live"])

_HEADER = struct.Struct("<d")  # position of the first sample
_NOT_FROM_ELSEWHERE = "the sound devices of the studio's computer can be used only there; use those of this browser"
_LARGEST_MESSAGE = 1 << 16  # bytes; one message of a page has about 20 ms


class LiveSettingsBody(Body, LiveSettingsView):
    """Settings at the start of a session."""


class LiveStart(Body):
    """A session to start."""

    voice: str | None = Field(description="name of the voice; null plays a tone, to test the devices")
    settings: LiveSettingsBody = LiveSettingsBody()
    automatic: bool = Field(True, description="transpose by the pitch of the first ten seconds of singing")
    place: Place = Field("browser", description="whose microphone and speaker: the page's or the studio's computer's")
    sample_rate: int = Field(48000, ge=8000, le=192000, description="rate of the browser's audio context in Hz")
    input_device: str | None = Field(None, description="name of a device of the computer; null for the usual one")
    output_device: str | None = None
    monitor_device: str | None = Field(None, description="a second output; null for none")
    block_seconds: float | None = Field(None, ge=0.02, le=2, description="length of a block; null chooses it")


class LiveChange(LiveSettingsBody):
    """Settings to change; omitted settings stay the same. A transposition switches automatic transposition off."""

    automatic: bool = Field(False, description="transpose by the pitch of the first ten seconds of singing")


class LiveVoice(Body):
    """The voice with which to continue."""

    voice: str


class LiveRecording(Body):
    """Request to start or to end a recording."""

    on: bool


@router.get("/live")
def state(studio: StudioOf) -> LiveView:
    """Return the state of live conversion. An event announces each change to the pages."""
    return live_view(studio.live.state, studio.shown)


@router.get("/live/devices")
def devices(studio: StudioOf) -> LiveDevicesView:
    """Return the sound devices of the studio's computer."""
    try:
        inputs, outputs = _device_views(studio)
    except MynaError as error:
        return LiveDevicesView(inputs=[], outputs=[], problem=studio.shown(str(error)))
    return LiveDevicesView(inputs=inputs, outputs=outputs, problem=None)


@router.post("/live/start")
def start(sent: LiveStart, studio: StudioOf) -> LiveView:
    """Start a session. For the page's sound, the page then connects its microphone to `/live/sound`."""
    from myna.realtime.interface import LiveSettings

    voice = None if sent.voice is None else studio.voices.find(sent.voice)
    settings = LiveSettings(**sent.settings.model_dump())
    sound: BrowserSound | DeviceSound = BrowserSound(sent.sample_rate)
    if sent.place == "devices":
        if not studio.local:
            raise ConfigError(_NOT_FROM_ELSEWHERE)
        sound = DeviceSound(sent.input_device, sent.output_device, sent.monitor_device)
    started = studio.live.start(voice, settings, sent.automatic, sound, sent.block_seconds)
    return live_view(started, studio.shown)


@router.patch("/live/settings")
def change(sent: LiveChange, studio: StudioOf) -> LiveView:
    """Change settings during live conversion."""
    values = {name: getattr(sent, name) for name in sent.model_fields_set}
    automatic = values.pop("automatic", None)
    if automatic is None and "transpose" in values:
        automatic = False
    return live_view(studio.live.change(automatic, **values), studio.shown)


@router.post("/live/voice")
def voice(sent: LiveVoice, studio: StudioOf) -> LiveView:
    """Load another voice, and continue with it as soon as it is ready."""
    return live_view(studio.live.change_voice(studio.voices.find(sent.voice)), studio.shown)


@router.post("/live/recording")
def recording(sent: LiveRecording, studio: StudioOf) -> LiveView:
    """Start a recording, or end the recording and keep it as a result."""
    return live_view(studio.live.record(sent.on), studio.shown)


@router.post("/live/stop")
def stop(studio: StudioOf) -> LiveView:
    """Stop the session, if there is one."""
    return live_view(studio.live.stop(), studio.shown)


def _device_views(studio: Studio) -> tuple[list[SoundDeviceView], list[SoundDeviceView]]:
    """Return the inputs and the outputs; a card that is in several interfaces of the system is listed once."""
    from myna.realtime.device_list import Kind, choose_sound_device, list_devices

    if not studio.local:
        raise ConfigError(_NOT_FROM_ELSEWHERE)
    found = list_devices()

    def views(kind: Kind) -> list[SoundDeviceView]:
        default = choose_sound_device(found, kind).name
        names = dict.fromkeys(one.name for one in found if one.channels(kind))
        return [SoundDeviceView(name=name, is_default=name == default) for name in names]

    return views("input"), views("output")


@router.websocket("/live/sound")
async def sound(socket: WebSocket, studio: StudioOf) -> None:
    """Exchange samples. A message has the position of the first sample (float64), then mono samples (float32).

    All numbers are little-endian. The answer to n samples has n output samples and the same position. If the socket is
    closed, the session ends, and vice versa.
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
