"""Sound cards are chosen, opened in a format that they accept, and never replaced by another one."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from myna.errors import DeviceError, MissingExtraError
from myna.realtime import device, device_list
from myna.realtime.callbacks import InputCallback, OutputCallback
from myna.realtime.device import SoundCard
from myna.realtime.device_list import SoundDevice, advice_on, choose_sound_device, list_devices
from realtime.fake_portaudio import PortAudio

MIC = SoundDevice(0, "USB Audio", "ALSA", 2, 0, 48000, is_default_input=True)
PHONES = SoundDevice(1, "Headphones", "ALSA", 0, 2, 44100, is_default_output=True)
CABLE = SoundDevice(2, "CABLE Input", "ALSA", 0, 8, 48000)
MME = replace(MIC, index=7, host_api="MME", name="USB Audio with a very long name"[:31])
WASAPI = replace(MIC, index=8, host_api="Windows WASAPI", name="USB Audio with a very long name, 2nd")


@pytest.fixture
def portaudio(monkeypatch: pytest.MonkeyPatch) -> PortAudio:
    fake = PortAudio()
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    monkeypatch.setattr(device, "_LOST_SECONDS", 0.05)
    monkeypatch.setattr(device, "_SEARCH_SECONDS", 0.0)
    return fake


def test_a_device_is_found_by_number_and_by_a_part_of_its_name() -> None:
    devices = [MIC, PHONES, CABLE]
    assert choose_sound_device(devices, "input") is MIC
    assert choose_sound_device(devices, "output") is PHONES
    assert choose_sound_device(devices, "output", "2") is CABLE
    assert choose_sound_device(devices, "output", "cable") is CABLE


@pytest.mark.parametrize("wanted", ["0", "USB", "nothing", "e"])
def test_a_device_that_is_not_there_or_not_clear_is_an_error_with_the_choice(wanted: str) -> None:
    with pytest.raises(DeviceError, match=r"1: Headphones \(ALSA\); 2: CABLE Input \(ALSA\)"):
        choose_sound_device([MIC, PHONES, CABLE], "output", wanted)


def test_without_an_input_device_the_error_says_what_to_do() -> None:
    with pytest.raises(DeviceError, match="there is no input device; connect one"):
        choose_sound_device([PHONES], "input")


def test_the_interface_with_less_delay_is_chosen_and_advised() -> None:
    devices = [MME, WASAPI]
    assert choose_sound_device(devices, "input") is WASAPI
    assert choose_sound_device(devices, "input", "usb audio") is WASAPI
    assert advice_on(MME, "input", devices) == ("MME adds much delay; --input-device 8 is the same device with less")
    assert advice_on(WASAPI, "input", devices) is None


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        ('{"missing": "sounddevice"}', MissingExtraError, "extra 'live'"),
        ('{"missing": "portaudio"}', DeviceError, "apt install libportaudio2"),
        ("", DeviceError, "crashes"),
    ],
)
def test_what_is_missing_is_one_line(
    answer: str, error: type[Exception], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = SimpleNamespace(stdout=answer.encode(), returncode=0 if answer else -11)
    monkeypatch.setattr(device_list.subprocess, "run", lambda *_, **__: done)
    with pytest.raises(error, match=text):
        list_devices()


@pytest.mark.parametrize(
    ("refused", "accepted"),
    [
        (lambda kind, rate, channels: -9998 if channels == 1 else 0, (48000, 2)),  # mono
        (lambda kind, rate, channels: -9997 if rate == 48000 else 0, (44100, 1)),
    ],
)
def test_a_refused_format_leads_to_the_next_one(refused: Any, accepted: tuple[int, int], portaudio: PortAudio) -> None:
    portaudio.refuse = refused
    card = SoundCard(MIC, replace(PHONES, sample_rate=48000))
    assert (card.input_rate, portaudio.streams[0].channels) == accepted
    assert card.latencies == (0.05, 0.05)


def test_a_device_that_cannot_be_opened_is_one_line_and_closes_the_other(portaudio: PortAudio) -> None:
    portaudio.refuse = lambda kind, rate, channels: -9985 if kind == "output" else 0
    with pytest.raises(
        DeviceError, match=r"cannot open the output device 1: Headphones \(ALSA\): refused; svc devices"
    ):
        SoundCard(MIC, PHONES)
    assert [stream.closed for stream in portaudio.streams] == [True]


def test_wasapi_converts_the_rate(portaudio: PortAudio) -> None:
    SoundCard(WASAPI, PHONES)
    assert portaudio.settings[0]["extra_settings"] == {"auto_convert": True}
    assert "extra_settings" not in portaudio.settings[1]


def test_a_lost_device_is_waited_for_and_not_replaced(portaudio: PortAudio, monkeypatch: pytest.MonkeyPatch) -> None:
    present = [MIC, CABLE]  # the headphones are gone; another output is there
    monkeypatch.setattr(device, "list_devices", lambda: present)
    card = SoundCard(MIC, PHONES)
    take, give = InputCallback(card.input_rate), OutputCallback(card.output_rate)
    card.start(take, give)
    for stream in portaudio.streams:
        stream.call()
    assert take.ring.fill == 64 and card.check() is None
    assert take.device_seconds == pytest.approx(0.1 - 64 / 48000) and give.device_seconds == 0  # not stated
    portaudio.streams[1].active = False
    assert card.check() == "lost the sound device 1: Headphones (ALSA); waiting until it is back"
    assert all(stream.closed for stream in portaudio.streams)
    assert card.check() is None and len(portaudio.streams) == 2
    present.append(replace(PHONES, index=5))
    assert card.check() == "the sound device is back"
    assert portaudio.n_restarts == 1 and portaudio.settings[-1]["device"] == 5
    assert all(stream.active for stream in portaudio.streams[2:])


def test_a_device_that_stops_to_call_is_lost(portaudio: PortAudio) -> None:
    card = SoundCard(MIC, PHONES)
    card.start(InputCallback(card.input_rate), OutputCallback(card.output_rate))
    device.time.sleep(0.06)
    assert "lost the sound device 0: USB Audio" in (card.check() or "")


def test_a_card_that_ran_out_of_sound_is_a_gap(portaudio: PortAudio) -> None:
    card = SoundCard(MIC, PHONES)
    give = OutputCallback(card.output_rate)
    card.start(InputCallback(card.input_rate), give)
    portaudio.streams[1].call(underflow=True)
    assert give.n_gaps == 1
