"""Files in place of the microphone and the headphones, at the pace of real time."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from myna.audio import io
from myna.realtime.callbacks import InputCallback, OutputCallback

Samples = NDArray[np.float32]

_CALLBACK_SECONDS = 0.01
_TAIL_SECONDS = 0.5  # length of the silence after the file, in addition to the delay


class PacedFile:
    """Pass a recording to live conversion at the pace of a sound card, and keep the output.

    It has the interface of a `SoundCard`.

    Attributes:
        played: the output in blocks; it begins with silence for the delay.
    """

    def __init__(self, path: Path) -> None:
        """Read the recording.

        Raises:
            AudioError: the file cannot be read.
        """
        self._audio, self.input_rate = io.read(path)
        self.output_rate = self.input_rate
        self.latencies = (0.0, 0.0)
        self.played: list[Samples] = []
        self.delay_seconds = 0.0
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_done(self) -> bool:
        """True after the output of the whole recording, including the delay."""
        return self._thread is not None and not self._thread.is_alive()

    def start(self, take: InputCallback, give: OutputCallback) -> None:
        """Start to call the callbacks."""
        self._thread = threading.Thread(target=self._run, args=(take, give), name="file", daemon=True)
        self._thread.start()

    def check(self) -> str | None:
        """Return None, because a file is never lost."""
        return None

    def close(self) -> None:
        """Stop calling the callbacks."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, take: InputCallback, give: OutputCallback) -> None:
        n = round(_CALLBACK_SECONDS * self.input_rate)
        begin = time.perf_counter()
        number = 0
        while not self._ending.is_set():
            first = number * n
            if first >= len(self._audio) + (self.delay_seconds + _TAIL_SECONDS) * self.input_rate:
                return
            frames = np.zeros((n, 1), np.float32)
            part = self._audio[first : first + n]
            frames[: len(part), 0] = part
            out = np.empty((n, 1), np.float32)
            give(out)
            take(frames)
            self.played.append(out[:, 0])
            number += 1
            time.sleep(max(begin + number * n / self.input_rate - time.perf_counter(), 0))
