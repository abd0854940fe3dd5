"""PulseAudio with virtual cards of its own: what is played to `song` is what the microphone records."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import processes

RATE = 48000
_SCRIPT = """\
load-module module-native-protocol-unix auth-anonymous=1 socket={socket}
load-module module-null-sink sink_name=song rate=48000 channels=1
load-module module-null-sink sink_name=speaker rate=48000 channels=2
load-module module-remap-source source_name=microphone master={microphone}
set-default-sink speaker
set-default-source microphone
"""

needed = pytest.mark.skipif(
    shutil.which("pulseaudio") is None or find_spec("sounddevice") is None,
    reason="needs PulseAudio, PortAudio and the extra 'live'",
)


class Server:
    """A running sound server, and the environment in which programs use it."""

    def __init__(self, folder: Path, microphone: str) -> None:
        self._folder = folder
        self._socket = folder / "native"
        script = folder / "server.pa"
        script.write_text(_SCRIPT.format(socket=self._socket, microphone=microphone), encoding="utf-8")
        private = {name: str(folder) for name in ("HOME", "PULSE_RUNTIME_PATH", "XDG_CONFIG_HOME")}
        self.environment = os.environ | private | {"PULSE_SERVER": f"unix:{self._socket}"}
        self._process: subprocess.Popen[Any] | None = None

    def start(self) -> None:
        command = ["pulseaudio", "-n", "-F", self._folder / "server.pa", "--daemonize=no", "--exit-idle-time=-1"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = processes.start([*command, "--use-pid-file=no"], env=self.environment, **quiet)
        for _ in range(100):
            if "microphone" in self._run("pactl", "list", "short", "sources"):
                return
            time.sleep(0.1)
        raise TimeoutError("the sound server does not answer")

    def stop(self) -> None:
        if self._process is not None:
            processes.end(self._process)
        self._socket.unlink(missing_ok=True)

    def play(self, path: Path) -> subprocess.Popen[Any]:
        """Start to play a file into the microphone."""
        return processes.start(["paplay", "--device=song", path], env=self.environment)

    def _run(self, *command: str) -> str:
        done = processes.run(list(command), env=self.environment)
        return str(done.stdout)


class Recording:
    """What arrives at a virtual device, with the time of its first sample."""

    def __init__(self, server: Server, source: str) -> None:
        command = ["parec", f"--device={source}", "--raw", "--format=float32le", f"--rate={RATE}", "--channels=1"]
        self._process = processes.start(
            [*command, "--latency-msec=10"], env=server.environment, stdout=subprocess.PIPE, bufsize=0
        )
        self._parts: list[bytes] = []
        self.start = np.inf  # of the first sample, in seconds of `time.perf_counter`
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        n_bytes = 0
        while part := os.read(self._process.stdout.fileno(), 1 << 16):
            self._parts.append(part)
            n_bytes += len(part)
            # The piece that arrived with the least delay determines the time.
            self.start = min(self.start, time.perf_counter() - n_bytes / 4 / RATE)

    def stop(self) -> NDArray[np.float32]:
        self._process.terminate()
        self._thread.join(10)
        processes.end(self._process)
        return np.frombuffer(b"".join(self._parts), np.float32)


@contextmanager
def sound_server(folder: Path, *, loopback: bool = False) -> Iterator[Server]:
    """Run a server; with `loopback`, its microphone records its speaker."""
    server = Server(folder, "speaker.monitor" if loopback else "song.monitor")
    server.start()
    try:
        yield server
    finally:
        server.stop()
