"""`svc live` with a sound server: the delay of a recording is the stated one, and every ending is a clean one."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

import processes
from myna.apps.actions.live import LiveVoice
from myna.apps.cli import main
from myna.apps.cli.live_line import LiveLine
from myna.apps.cli.live_typing import Typing
from myna.options import ConversionOptions, LiveOptions
from myna.realtime.engine import LiveReport
from myna.realtime.statistics import ComputeTimes
from myna.realtime.warm_up import WarmUp
from realtime.sound_server import RATE, Recording, Server, needed, sound_server

SVC = [sys.executable, "-m", "myna"]
# A block and buffers that a busy machine holds, too.
EASY = ["-m", "joe", "--force", "-b", "0.5", "--reserve-seconds", "0.5", "--device-seconds", "0.1"]


class Singing:
    """A running `svc live`, and what it has said so far."""

    def __init__(self, arguments: list[str], server: Server, folder: Path) -> None:
        self.process = processes.start(
            [sys.executable, Path(__file__).with_name("live_program.py"), *arguments],
            env=server.environment | {"PYTHONPATH": os.pathsep.join(map(str, sys.path))},
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said = ""
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def __enter__(self) -> Singing:
        return self

    def __exit__(self, *_: object) -> None:
        processes.end(self.process)
        self._thread.join()

    def _read(self) -> None:
        for line in self.process.stderr or ():
            self.said += line

    def wait_for(self, text: str, seconds: float = 60) -> None:
        wait_until(lambda: text in self.said or self.process.poll() is not None, seconds)
        assert text in self.said, self.said

    def type(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def end(self) -> dict[str, Any]:
        """Press Ctrl-C, and return the result."""
        self.process.send_signal(signal.SIGINT)
        printed, _ = self.process.communicate(timeout=30)
        self._thread.join()
        assert self.process.returncode == 0, self.said
        found: dict[str, Any] = json.loads(printed)
        return found


def wait_until(happened: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not happened() and time.monotonic() < end:
        time.sleep(0.05)


def lag_of(said: NDArray[np.float32], heard: NDArray[np.float32]) -> float:
    """Delay of `heard` relative to `said` in seconds."""
    size = 1 << (len(said) + len(heard)).bit_length()
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(said, size))
    found = int(np.argmax(np.fft.irfft(spectrum)))
    return (found if found < size // 2 else found - size) / RATE


@needed
def test_a_song_in_the_microphone_comes_out_with_the_stated_delay(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).standard_normal(60 * RATE)
    soundfile.write(tmp_path / "song.wav", 0.1 * noise, RATE)
    with sound_server(tmp_path) as server, ExitStack() as opened:
        singing = opened.enter_context(
            Singing(["-m", "one", "--device-seconds", "0.1", "--record", "session", "--json"], server, tmp_path)
        )
        singing.wait_for("synthetic")
        recordings = [Recording(server, "song.monitor"), Recording(server, "speaker.monitor")]
        playing = server.play(tmp_path / "song.wav")
        opened.callback(processes.end, playing)
        time.sleep(5)
        said, heard = (one.stop() for one in recordings)
        singing.type("-m nothing.pth")
        singing.wait_for("nothing has changed")
        singing.type("-m other -t 12")
        singing.wait_for("now singing: other")
        server.stop()  # as if the card were unplugged
        singing.wait_for("lost the sound device")
        server.start()
        singing.wait_for("the sound device is back")
        result = singing.end()
    # From the microphone to the speaker, in the clock of this process.
    delay = lag_of(said, heard) + recordings[1].start - recordings[0].start
    assert delay == pytest.approx(result["latency"], abs=0.1)
    report = result["report"]
    assert report["stream"] == pytest.approx(0.2, abs=0.01) and report["buffer"] == pytest.approx(0.34, abs=0.1)
    # Every drop-out in the sound was counted.
    sound = heard[int(np.argmax(np.abs(heard) > 0.01)) :]
    silent = np.abs(sound[: len(sound) // 480 * 480]).reshape(-1, 480).max(1) < 1e-4
    assert int(np.sum(np.diff(silent.astype(int)) == 1)) <= report["n_gaps"]
    for path in result["written"]:
        assert soundfile.info(tmp_path / path).duration > 3


@needed
def test_the_delay_of_a_loop_is_measured_in_the_program(tmp_path: Path) -> None:
    script = (
        "from myna.apps.actions.live import measure_latency, open_card\n"
        "from myna.options import LiveOptions\n"
        "card, _ = open_card(LiveOptions(device_seconds=0.15))\n"
        "found = measure_latency(card, 0.1, 0.3)\n"
        "print(found.seconds, found.clarity_db, sum(card.latencies))\n"
    )
    with sound_server(tmp_path, loopback=True) as server:
        done = processes.run([sys.executable, "-c", script], env=server.environment, check=True)
    seconds, clarity_db, _ = map(float, done.stdout.split())
    assert clarity_db > 20 and 0.4 < seconds < 0.95


@needed
def test_without_a_sound_server_the_error_is_one_line(tmp_path: Path) -> None:
    environment = os.environ | {"PULSE_SERVER": f"unix:{tmp_path}/none", "HOME": str(tmp_path)}
    listed = processes.run([*SVC, "devices", "--json"], env=environment)
    if json.loads(listed.stdout)["devices"]:
        pytest.skip("this machine has a sound card")
    done = processes.run([*SVC, "live", "-m", "joe"], env=environment)
    assert done.returncode == 8 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("svc: there is no input device; connect one")


def test_a_dry_run_needs_no_card_and_states_what_it_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    time_axis = np.arange(2 * RATE) / RATE
    soundfile.write("sung.wav", 0.1 * np.sin(2 * np.pi * 220 * time_axis), RATE)
    with pytest.raises(SystemExit) as left:
        main(["vc", *EASY, "--from", "sung.wav", "--to", "out.wav", "-p", "0.1"])
    printed = capsys.readouterr()
    assert not left.value.code, printed.err
    assert "without effect: --pad-seconds" in printed.err and "a load of" in printed.err
    assert printed.out.rstrip().endswith("out.wav")
    sound, rate = soundfile.read("out.wav")
    assert rate == RATE and len(sound) > 3 * RATE
    assert "converted with myna" in soundfile.SoundFile("out.wav").comment


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "code"), [("SIGINT", 0), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_ends_it_and_completes_the_recordings(number: str, code: int, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "song.wav", 0.1 * np.random.default_rng(0).standard_normal(60 * RATE), RATE)
    command = [sys.executable, Path(__file__).with_name("live_program.py"), "-m", "one", "--record", "session"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, sys.path))}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    files = ["--from", "song.wav", "--to", "out.wav"]
    with processes.started([*command, *files], cwd=tmp_path, env=environment, **quiet) as process:
        while "no gaps" not in process.stderr.readline():
            assert process.poll() is None
        time.sleep(1)
        process.send_signal(getattr(signal, number))
        assert process.wait(30) == code
    seconds = [soundfile.info(path).duration for path in sorted((tmp_path / "session").iterdir())]
    assert len(seconds) == 3 and min(seconds) > 0.5
    assert (tmp_path / "out.wav").exists() is (number == "SIGINT")


@pytest.mark.parametrize("arguments", [["--from", "a.wav"], ["--gate-db", "5"], ["--input-device"]])
def test_wrong_flags_are_told_before_anything_opens(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["live", *arguments])
    assert left.value.code == 2 and "Error" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_line_is_rewritten_and_shows_gaps_in_red(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "200")
    line = LiveLine()
    compute = ComputeTimes(0.02, 0.03, 0.05)
    line.show(LiveReport(input_db=-30, block=0.1, compute=compute, buffer=0.15, stream=0.3), 220.0)
    line.show(LiveReport(recent_gaps=4), None)
    line.message("lost")
    first, second = terminal.getvalue().split("\r\x1b[K")[1:]
    assert first.startswith("in ######......  -30 dB   220 Hz  delay 450 ms") and "block 30 of 100 ms" in first
    assert first.endswith("no gaps") and "\x1b[31m4 gaps in the last 10 s\x1b[0m\nlost\n" in second


class Recorded:
    """A session or a stream that notes what it gets."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.change = self.got.append


def test_typed_flags_change_the_settings_and_wrong_ones_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, said = Recorded(), list[str]()
    ready = WarmUp(stream, 0.1, 0.1, ComputeTimes())  # type: ignore[arg-type]
    voice = LiveVoice("alto", ConversionOptions(), {}, None, ready)
    typing = Typing(Recorded(), voice, {}, LiveOptions(), "cpu", said.append)  # type: ignore[arg-type]
    for line in ("-t 3", "--dry-wet 0.5 -db -40", "-t 99", "-b 0.1", "sing higher", '-s "', "-m nothing.pth"):
        typing.apply(line)
    assert [(one.transpose, one.dry_wet, one.gate_db) for one in stream.got] == [(3, 1, -50), (3, 0.5, -40)]
    assert said[0] == "transpose must be between -36 and 36; got 99.0; nothing has changed"
    assert said[1] == "--block-seconds cannot change while it runs"
    assert "unexpected extra arguments" in said[2] and "No closing quotation" in said[3]
    assert said[4].startswith("loading nothing.pth") and said[5].endswith("; nothing has changed") and len(said) == 6
