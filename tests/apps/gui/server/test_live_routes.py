"""Live conversion through the interface, with voices that only delay."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from live_voices import DELAY_SECONDS, open_delay
from numpy.typing import NDArray
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from myna.apps.gui.live.messages import BrowserSound
from myna.apps.gui.server.app import open_studio
from myna.apps.gui.server.context import Studio
from myna.audio.marking.tags import statements
from myna.realtime.device_list import SoundDevice
from myna.realtime.interface import LiveSettings
from myna.studio import results
from myna.studio.voices import LibraryVoice, Origin

RATE = 48000
SOCKET = "ws://127.0.0.1:7860/api/v1/live/sound"
MESSAGE = 960  # samples


@pytest.fixture
def studio(opened: Studio, monkeypatch: pytest.MonkeyPatch) -> Studio:
    """A studio whose voices only delay; "broken" cannot be loaded."""
    opened.live.open_voice = open_delay
    found = {
        name: LibraryVoice(name, Origin.BUNDLED, opened.workspace.folder / name)
        for name in ("joe", "ann", "broken", "crashing")
    }
    monkeypatch.setattr(type(opened.voices), "find", lambda self, name: found[name])
    return opened


def tone(first: int, n: int) -> NDArray[np.float32]:
    """Return samples of a vowel of 220 Hz."""
    times = (first + np.arange(n)) / RATE
    return sum(0.1 / k * np.sin(2 * np.pi * 220 * k * times) for k in (1, 2, 3)).astype("<f4")


class Page:
    """A page that sends a tone of 220 Hz at the pace of real time."""

    def __init__(self, client: TestClient, socket: WebSocketTestSession) -> None:
        self.client, self.socket = client, socket
        self.position = 0

    def sing(self, until: Callable[[dict[str, Any]], bool], seconds: float = 30.0) -> dict[str, Any]:
        """Send sound until the state is as wanted, and return the state."""
        began, sent = time.monotonic(), 0.0
        while sent < seconds:
            samples = tone(self.position, MESSAGE)
            self.socket.send_bytes(struct.pack("<d", self.position) + samples.tobytes())
            self.position += MESSAGE
            sent += MESSAGE / RATE
            time.sleep(max(0.0, began + sent - time.monotonic()))
            if self.position % (5 * MESSAGE) == 0:
                state = self.client.get("live").json()
                if until(state):
                    return dict(state)
        raise AssertionError(f"not within {seconds} s: {self.client.get('live').json()}")

    def heard(self) -> NDArray[np.float32]:
        """Return the answers to all messages that were sent, one after the other."""
        found: dict[int, NDArray[np.float32]] = {}
        while self.position - MESSAGE not in found:
            answer = self.socket.receive_bytes()
            found[int(struct.unpack_from("<d", answer)[0])] = np.frombuffer(answer, "<f4", offset=8)
        positions = sorted(found)
        assert positions == list(range(positions[0], self.position, MESSAGE))
        return np.concatenate([found[position] for position in positions])


def wait(client: TestClient, until: Callable[[dict[str, Any]], bool], seconds: float = 30.0) -> dict[str, Any]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        state: dict[str, Any] = client.get("live").json()
        if until(state):
            return state
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {state}")


def is_stopped(state: dict[str, Any]) -> bool:
    return bool(state["state"] == "stopped")


@pytest.fixture
def page(client: TestClient, studio: Studio) -> Iterator[Page]:
    """A page whose session has started with the voice "joe"."""
    assert client.post("live/start", json={"voice": "joe", "sample_rate": RATE}).json()["state"] == "loading"
    with client.websocket_connect(SOCKET) as socket:
        yield Page(client, socket)
    wait(client, is_stopped)


def test_a_page_hears_its_delayed_sound_and_sees_level_and_pitch(
    page: Page, studio: Studio, client: TestClient
) -> None:
    state = page.sing(lambda state: state["report"]["seconds"] > 1.5 and state["report"]["voice_pitch"])
    assert (state["state"], state["voice"], state["problem"]) == ("running", "joe", None)
    report = state["report"]
    expected_db = 20 * np.log10(np.abs(tone(0, RATE)).max())
    assert abs(report["source_db"] - expected_db) < 0.5 and abs(report["output_db"] - expected_db) < 0.5
    for name in ("source_pitch", "voice_pitch"):
        hz = [hz for _, hz in report[name][-10:]]
        assert all(hz is not None and abs(1200 * np.log2(hz / 220)) < 20 for hz in hz), (name, hz)
    assert report["delays"]["look_ahead"] == pytest.approx(DELAY_SECONDS, abs=0.01)
    assert 0.1 < report["delays"]["buffer"] < 0.5  # 0.04 s are pushed at once; the reserve is 0.1 s, more after a gap
    heard = page.heard()[-RATE // 2 :]
    assert abs(20 * np.log10(np.abs(heard).max()) - expected_db) < 0.5
    # Settings act on the output, and a recording becomes a result with both sounds, aligned.
    assert client.patch("live/settings", json={"dry_wet": 0.5}).json()["settings"]["dry_wet"] == 0.5
    page.sing(lambda state: state["report"]["output_db"] < expected_db - 5)
    client.post("live/recording", json={"on": True})
    page.sing(lambda state: (state["report"]["recorded_seconds"] or 0) > 1)
    client.post("live/recording", json={"on": False})
    number = page.sing(lambda state: state["result"])["result"]
    result = results.find(studio.workspace, number)
    assert result is not None and result.voice == "joe" and result.seconds > 1
    source, rate = soundfile.read(results.source(studio.workspace, result))
    sung, _ = soundfile.read(result.path)
    n = min(len(source), len(sung)) - rate // 10
    assert (
        np.abs(sung[rate // 10 : n] - 0.5 * source[rate // 10 : n]).max() < 0.02
    )  # the mark changes the level a little
    assert statements(result.path)


def test_voices_and_settings_change_while_one_sings(page: Page, client: TestClient) -> None:
    page.sing(lambda state: state["state"] == "running" and state["report"]["seconds"] > 0.5)
    assert client.post("live/voice", json={"voice": "ann"}).json()["next_voice"] == "ann"
    answer = client.post("live/voice", json={"voice": "joe"})
    assert answer.status_code == 409 and answer.json()["error"]["message"].startswith("ann is being loaded")
    state = page.sing(lambda state: state["voice"] == "ann")
    assert state["next_voice"] is None
    # A voice that does not load leaves the other one singing.
    client.post("live/voice", json={"voice": "broken"})
    state = page.sing(lambda state: state["problem"] is not None)
    assert state["problem"] == "broken cannot sing: broken.pth is not a voice"
    assert (state["state"], state["voice"], state["next_voice"]) == ("running", "ann", None)
    # Settings that the voice refuses leave the earlier ones.
    client.patch("live/settings", json={"speaker": "nobody"})
    state = page.sing(lambda state: state["problem"].startswith("no speaker"))
    assert state["settings"]["speaker"] is None
    # The transposition is found from ten seconds of singing: recordings of the voice are an octave higher.
    state = page.sing(lambda state: state["settings"]["transpose"] == 12)
    assert state["automatic"] and 10 <= state["report"]["heard_seconds"] < 11
    # A person's own choice ends the automatic one.
    assert not client.patch("live/settings", json={"transpose": 3}).json()["automatic"]
    # Stop closes the socket.
    client.post("live/stop")
    wait(client, is_stopped)


@pytest.mark.parametrize(
    ("voice", "problem"),
    [
        ("broken", "broken.pth is not a voice"),
        ("crashing", "live conversion: its process ended with code 3 (a defect: please report it)"),
    ],
)
def test_a_voice_that_does_not_load_ends_the_session(
    client: TestClient, studio: Studio, voice: str, problem: str
) -> None:
    client.post("live/start", json={"voice": voice})
    assert wait(client, is_stopped)["problem"] == problem


def test_only_the_page_itself_can_send_sound(client: TestClient, studio: Studio) -> None:
    for headers in ({"origin": "http://evil.example"}, {"host": "evil.example"}):
        with pytest.raises(WebSocketDisconnect), client.websocket_connect(SOCKET, headers=headers):
            pass


def test_one_session_at_a_time(page: Page, client: TestClient) -> None:
    answer = client.post("live/start", json={"voice": "joe"})
    assert answer.status_code == 409 and answer.json()["error"]["message"].endswith("stop it first")
    with client.websocket_connect(SOCKET) as second, pytest.raises(WebSocketDisconnect):
        second.receive_bytes()
    client.post("live/stop")  # while the voice is being loaded
    state = wait(client, is_stopped)
    assert state["problem"] is None


def test_without_a_voice_a_tone_sounds(client: TestClient, studio: Studio) -> None:
    assert client.post("live/start", json={"voice": None, "sample_rate": RATE}).json()["voice"] is None
    with client.websocket_connect(SOCKET) as socket:
        state = Page(client, socket).sing(lambda state: state["report"]["output_db"] > -30.5)
        assert state["state"] == "running" and state["report"]["source_db"] > -20
        assert state["report"]["output_db"] == pytest.approx(-30, abs=0.5)
        assert client.post("live/recording", json={"on": True}).status_code == 400
    wait(client, is_stopped)


def test_a_studio_that_closes_ends_its_session(tmp_path: Path) -> None:
    with open_studio(tmp_path) as studio:
        studio.live.open_voice = open_delay
        joe = studio.voices.find("joe")
        studio.live.start(joe, LiveSettings(), True, BrowserSound(RATE), None)
        while studio.live.state.state == "loading":
            time.sleep(0.05)
    assert (studio.live.state.state, studio.live.state.problem) == ("stopped", None)


def test_requests_without_a_session_are_refused_in_one_line(client: TestClient, studio: Studio) -> None:
    for method, path, body in (
        ("PATCH", "live/settings", {"dry_wet": 0.5}),
        ("POST", "live/voice", {"voice": "joe"}),
        ("POST", "live/recording", {"on": True}),
    ):
        answer = client.request(method, path, json=body)
        assert answer.status_code == 400
        assert answer.json()["error"]["message"] == "live conversion is not running: start it first"
    answer = client.post("live/start", json={"voice": "joe", "settings": {"dry_wet": 2}})
    assert answer.json()["error"]["message"] == "dry_wet must be between 0 and 1; got 2"
    assert client.post("live/stop").json()["state"] == "stopped"


def test_devices_of_the_computer(client: TestClient, studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    cards = [
        SoundDevice(0, "Microphone", "ALSA", 1, 0, 48000, is_default_input=True),
        SoundDevice(1, "Headphones", "ALSA", 0, 2, 48000),
        SoundDevice(2, "Loudspeakers", "ALSA", 0, 2, 48000, is_default_output=True),
        SoundDevice(3, "Headphones", "JACK Audio Connection Kit", 0, 2, 48000),
    ]
    monkeypatch.setattr("myna.realtime.device_list.list_devices", lambda: cards)
    found = client.get("live/devices").json()
    assert found["inputs"] == [{"name": "Microphone", "is_default": True}]
    assert [(one["name"], one["is_default"]) for one in found["outputs"]] == [
        ("Headphones", False),
        ("Loudspeakers", True),
    ]
    assert found["problem"] is None
    monkeypatch.setattr("myna.realtime.device_list.list_devices", list)
    assert client.get("live/devices").json()["problem"].startswith("there is no input device; connect one")
    # A visitor from elsewhere must not listen to the room of the studio's computer.
    studio.local = False
    assert "can be used only there" in client.get("live/devices").json()["problem"]
    answer = client.post("live/start", json={"voice": "joe", "place": "devices"})
    assert answer.status_code == 400 and "can be used only there" in answer.json()["error"]["message"]


def test_a_device_that_is_not_there_ends_the_session_in_one_line(client: TestClient, studio: Studio) -> None:
    client.post("live/start", json={"voice": "joe", "place": "devices", "input_device": "no such microphone"})
    state = wait(client, is_stopped)
    assert state["problem"] and "\n" not in state["problem"]
