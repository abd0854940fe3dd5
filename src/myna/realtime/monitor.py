"""Second output of live conversion, for example headphones while the first one is a virtual cable."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from myna.realtime.callbacks import InputCallback, OutputCallback
from myna.realtime.resampling import Resampler

Samples = NDArray[np.float32]

_BUFFER_SECONDS = 0.1  # for the irregularity of blocks and callbacks
_MOST_SECONDS = 0.4  # that wait; the clocks of two outputs differ, so a block is left out from time to time


class OutputPort(Protocol):
    """An open output device, `realtime.device.Port`."""

    rate: int  # Hz

    def start(self, target: InputCallback | OutputCallback) -> None:
        """Start to call `target` with buffers, (n, C)."""

    def close(self) -> None:
        """Stop and close the device."""


class Monitor:
    """An output that plays the same sound as the first one."""

    def __init__(self, port: OutputPort, sample_rate: int) -> None:
        """
        Args:
            port: the open device; `close` closes it.
            sample_rate: of the sound that will be played, in Hz.
        """
        self._port = port
        self._resampler = None if port.rate == sample_rate else Resampler(port.rate / sample_rate)
        self._callback = OutputCallback(port.rate)
        port.start(self._callback)

    def play(self, sound: Samples) -> None:
        """Play samples, (n,), after those that wait; returns at once."""
        if self._resampler is not None:
            sound = self._resampler.push(sound)
        ring = self._callback.ring
        if ring.fill > _MOST_SECONDS * self._port.rate:
            return
        if not self._callback.flowing:
            ring.write(np.zeros(round(_BUFFER_SECONDS * self._port.rate), np.float32))
        ring.write(sound)
        self._callback.flowing = True

    def close(self) -> None:
        """Close the device."""
        self._port.close()
