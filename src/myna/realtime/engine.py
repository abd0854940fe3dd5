"""Worker that passes blocks from the input callback through a converting stream to the output callback.

 input callback ──► ring ──► [resampler] ──► stream ──► resampler ──► ring ──► output callback
                                                           ▲ ratio
                                                    drift correction

The delay between the two callbacks is one block and a reserve. It is kept constant in three ways. After a gap in the
output, old input is skipped. If the delay has grown without a gap, the excess is cut out of the sound. The drift
between the clocks of two cards is corrected.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

import numpy as np
from numpy.typing import NDArray

from myna.realtime.callbacks import Clock, InputCallback, OutputCallback
from myna.realtime.drift import DriftCorrection
from myna.realtime.interface import SoundStream
from myna.realtime.resampling import Resampler
from myna.realtime.statistics import ComputeTimes, Statistics
from myna.units import power_to_db

Samples = NDArray[np.float32]
# Function that receives the input and the converted sound of each block, at the rates of the devices, for a recording.
Listener = Callable[[Samples, Samples], None]

_log = logging.getLogger(__name__)

_POLL_SECONDS = 0.002  # the worker polls, because a callback that wakes it would take a lock
# Devices start irregularly; the sound in this time after the start is not converted.
_SETTLING_SECONDS = 0.3
_FADE_SECONDS = 0.01
_SWAP_FADE_SECONDS = 0.05
# If the delay has been too long by this time, for this time, a sound card stood still, and the excess is cut. Callbacks
# are less irregular than that.
_EXCESS_SECONDS, _PATIENCE_SECONDS = 0.04, 0.3
_SILENCE_DB = -120.0


@dataclass(frozen=True)
class LiveReport:
    """Current state of the engine; times are in seconds.

    Attributes:
        seconds: time since the first sound was converted.
        input_db: level of the last input block.
        block: length of the sound that is converted at once.
        compute: percentiles of the time in which a block is converted.
        buffer: delay between the two callbacks: the blocks that are passed to the stream, and the reserve.
        stream: delay of the stream: the block that it collects, and its look-ahead.
        input: delay of the input device, as its driver states it.
        output: delay of the output device, as its driver states it.
        recent_gaps: gaps of input or output in the last ten seconds.
        n_gaps: gaps since the start.
        drift_ppm: difference between the clocks of the two devices, in parts per million.
    """

    seconds: float = 0.0
    input_db: float = _SILENCE_DB
    block: float = 0.0
    compute: ComputeTimes = field(default_factory=ComputeTimes)
    buffer: float = 0.0
    stream: float = 0.0
    input: float = 0.0
    output: float = 0.0
    recent_gaps: int = 0
    n_gaps: int = 0
    drift_ppm: float = 0.0

    @property
    def latency(self) -> float:
        """Delay from the microphone to the headphones: the sum of all delays."""
        return self.input + self.buffer + self.stream + self.output


class _Path:
    """A stream between two resamplers, from the rate of the input device to that of the output device."""

    def __init__(self, stream: SoundStream, input_rate: int, output_rate: int) -> None:
        self.stream = stream
        rate = stream.sample_rate
        self._before = None if input_rate == rate else Resampler(rate / input_rate)
        self._after = Resampler(output_rate / rate)
        self._ratio = output_rate / rate
        self.delay_seconds = stream.delay_samples / rate + self._after.lookahead / rate
        if self._before is not None:
            self.delay_seconds += self._before.lookahead / input_rate

    def push(self, block: Samples, correction: float = 0.0) -> Samples:
        heard = block if self._before is None else self._before.push(block)
        self._after.ratio = self._ratio * (1 + correction)
        return self._after.push(self.stream.push(heard))


class _Successor:
    """The next stream, which converts the same input as the current stream until its first delayed output is due."""

    def __init__(self, path: _Path, reserve_seconds: float, period_seconds: float) -> None:
        self.path = path
        self.reserve_seconds, self.period_seconds = reserve_seconds, period_seconds
        self.blocks: SimpleQueue[Samples] = SimpleQueue()
        self.ready = threading.Event()


class Engine:
    """Convert sound from the callback `input` to the callback `output`, in a thread or step by step."""

    def __init__(
        self,
        stream: SoundStream,
        input_rate: int,
        output_rate: int,
        *,
        block_seconds: float,
        reserve_seconds: float,
        period_seconds: float | None = None,
        clock: Clock = time.perf_counter,
    ) -> None:
        """
        Args:
            stream: the converting stream.
            input_rate: sample rate of the input device in Hz.
            output_rate: sample rate of the output device in Hz.
            block_seconds: length of the blocks that are passed to the stream.
            reserve_seconds: length of the converted sound that is played while the next block is converted. The
                output has no gap as long as each conversion takes less time than this.
            period_seconds: length of the sound that the stream converts at once, for the statistics; a stream may
                collect several blocks. None if it converts each block.
            clock: function that returns the time in seconds.
        """
        self.input = InputCallback(input_rate, clock)
        self.output = OutputCallback(output_rate, clock)
        self.failure: BaseException | None = None
        self.listener: Listener | None = None
        self.statistics = Statistics()
        self._path = _Path(stream, input_rate, output_rate)
        self._block = np.zeros(round(block_seconds * input_rate), np.float32)
        self._block_seconds = len(self._block) / input_rate
        self._period_seconds = max(period_seconds or 0.0, self._block_seconds)
        self._unreported = (0.0, 0.0)  # seconds of input since the last entry in the statistics, and of computation
        self._wanted = self._block_seconds + reserve_seconds
        self._clock = clock
        self._drift = DriftCorrection(self._wanted)
        self._settled = False
        self._first_call: float | None = None
        self._n_early_gaps = self._n_cuts = 0
        self._begin = 0.0
        self._updated = 0.0
        self._long_since: float | None = None  # time since which the delay has been too long
        self._skipped = np.empty(0, np.float32)  # beginning of the input that was skipped before the next block
        self._input_db = _SILENCE_DB
        self._successor: _Successor | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="conversion", daemon=True)

    def start(self) -> None:
        """Start the worker thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the worker thread after its current block."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join()

    def settle(self) -> None:
        """Wait again until the devices run, because they were opened again."""
        self._drift = DriftCorrection(self._wanted)
        self._first_call = None
        self._settled = False

    def replace(
        self,
        stream: SoundStream,
        *,
        reserve_seconds: float = 0.0,
        period_seconds: float | None = None,
        timeout_seconds: float = 60.0,
    ) -> bool:
        """Replace the stream by another one with a cross-fade; do not call this from the worker thread.

        First, the new stream converts the same input as the old one for as long as its own delay, and its output is
        discarded. If it needs a longer reserve than the present one, silence with the length of the difference is
        played before its first sound.

        Args:
            stream: the new stream.
            reserve_seconds: reserve that the new stream needs, as in `Engine`.
            period_seconds: length of the sound that it converts at once, as in `Engine`.
            timeout_seconds: longest time to wait, in addition to the delay of the stream.

        Returns:
            True if the stream was replaced; False if the engine ended or no input arrived.
        """
        path = _Path(stream, self.input.rate, self.output.rate)
        successor = _Successor(path, reserve_seconds, max(period_seconds or 0.0, self._block_seconds))
        needed = successor.path.delay_seconds + 2 * self._block_seconds
        end = time.monotonic() + needed + timeout_seconds
        self._successor = successor
        try:
            while not successor.ready.is_set() and not self._ending.is_set() and time.monotonic() < end:
                with suppress(Empty):
                    successor.path.push(successor.blocks.get(timeout=0.1))
                    needed -= self._block_seconds
                if needed <= 0 and successor.blocks.empty():
                    successor.ready.set()
            while self._successor is successor and not self._ending.is_set() and time.monotonic() < end:
                time.sleep(_POLL_SECONDS)
        finally:
            if self._successor is successor:
                self._successor = None
        return self._path is successor.path

    def report(self) -> LiveReport:
        """Return the current state, without the delays of the devices."""
        return LiveReport(
            seconds=self._clock() - self._begin if self._begin else 0.0,
            input_db=self._input_db,
            block=self._period_seconds,
            compute=self.statistics.compute_times(),
            buffer=self._drift.smooth_seconds if self._drift.smooth_seconds is not None else self._wanted,
            stream=self._path.delay_seconds,
            recent_gaps=self.statistics.recent_gaps,
            n_gaps=self.statistics.n_gaps,
            drift_ppm=1e6 * self._drift.correction,
        )

    def step(self) -> bool:
        """Convert one block if it is complete; return True if it was."""
        if not self._is_settled():
            return False
        now = self._clock()
        n_gaps = self.input.n_gaps + self.output.n_gaps + self._n_cuts - self._n_early_gaps
        self.statistics.update_gaps(n_gaps, now)
        if self.input.ring.fill < len(self._block):
            return False
        self.input.ring.read(self._block)
        n_fade = min(len(self._skipped), len(self._block))
        self._block[:n_fade] = _faded(self._skipped, self._block[:n_fade], n_fade)
        self._skipped = self._skipped[:0]
        sound = self._convert(self._block)
        self._count(self._clock() - now)
        if self.listener is not None:
            self.listener(self._block, sound)
        self._send(sound)
        self._input_db = max(power_to_db(float(np.mean(np.square(self._block))) + 1e-12), _SILENCE_DB)
        return True

    def _run(self) -> None:
        try:
            while not self._ending.is_set():
                if not self.step():
                    time.sleep(_POLL_SECONDS)
        except BaseException as error:  # raised in the thread that shows the report
            self.failure = error

    def _is_settled(self) -> bool:
        """Return True if both devices have run for a while; before that, discard the input."""
        if self._settled:
            return True
        if not (self.input.started and self.output.started):
            return False
        now = self._clock()
        if self._first_call is None:
            self._first_call = now
        if now - self._first_call < _SETTLING_SECONDS:
            self.input.ring.skip(self.input.ring.fill)
            return False
        if not self._begin:
            self._begin = now
            self._n_early_gaps = self.input.n_gaps + self.output.n_gaps
        self._updated = now
        self._settled = True
        return True

    def _convert(self, block: Samples) -> Samples:
        correction = self._drift.correction
        successor = self._successor
        if successor is None:
            return self._path.push(block, correction)
        if not successor.ready.is_set():
            successor.blocks.put(block.copy())
            return self._path.push(block, correction)
        while not successor.blocks.empty():  # another block arrived before the successor was ready
            successor.path.push(successor.blocks.get())
        old = self._path.push(block, correction)
        new = successor.path.push(block, correction)
        self._path, self._successor = successor.path, None
        self._period_seconds, self._unreported = successor.period_seconds, (0.0, 0.0)
        if self._block_seconds + successor.reserve_seconds <= self._wanted:
            return _faded(old, new, round(_SWAP_FADE_SECONDS * self.output.rate))
        self._lengthen(old, self._block_seconds + successor.reserve_seconds)
        return new

    def _lengthen(self, old: Samples, wanted_seconds: float) -> None:
        """Fade out the old sound, and let the next one begin later, with a longer delay."""
        n_fade = min(round(_FADE_SECONDS * self.output.rate), len(old))
        self.output.ring.write(old[:n_fade] * np.linspace(1, 0, n_fade, dtype=np.float32))
        self.output.flowing = False
        self._wanted = wanted_seconds
        self._drift = DriftCorrection(wanted_seconds)

    def _count(self, compute_seconds: float) -> None:
        """Add the time of a block to the statistics, together with those of the blocks that the stream collected."""
        sound, compute = self._unreported[0] + self._block_seconds, self._unreported[1] + compute_seconds
        if sound + self._block_seconds / 2 >= self._period_seconds:
            self.statistics.add_block(compute)
            sound = compute = 0.0
        self._unreported = sound, compute

    def _delay(self) -> float:
        """Return the time between the newest recorded and the newest played sample in seconds."""
        return self.input.n_waiting / self.input.rate + self.output.n_waiting / self.output.rate

    def _send(self, sound: Samples) -> None:
        """Pass converted sound to the output, and keep the delay constant."""
        now = self._clock()
        seconds = len(sound) / self.output.rate
        if not self.output.flowing:
            sound = self._realigned(sound, self._delay() + seconds - self._drift.kept_seconds)
            self._drift.restart()
        else:
            device = self.input.device_seconds + self.output.device_seconds
            self._drift.update(self._delay() + seconds, now - self._updated, device)
            sound = self._cut(sound)
        self._updated = now
        self.output.ring.write(sound)
        self.output.flowing = True

    def _realigned(self, sound: Samples, excess: float) -> Samples:
        """Return the first sound after a gap, with silence before it if the delay is too short; else skip old input."""
        sound = sound.copy()
        n_fade = min(round(_FADE_SECONDS * self.output.rate), len(sound))
        sound[:n_fade] *= np.linspace(0, 1, n_fade, dtype=np.float32)
        if excess >= 0:
            self._skip(round(excess * self.input.rate))
            return sound
        return np.concatenate([np.zeros(round(-excess * self.output.rate), np.float32), sound])

    def _skip(self, n: int) -> None:
        """Discard the next `n` samples of the input; their beginning is faded into the following input."""
        self._skipped = np.zeros(min(n, self.input.ring.fill, round(_FADE_SECONDS * self.input.rate)), np.float32)
        self.input.ring.read(self._skipped)
        self.input.ring.skip(n - len(self._skipped))

    def _cut(self, sound: Samples) -> Samples:
        """Shorten the sound if the delay has been too long for several blocks without a gap."""
        excess = self._delay() + len(sound) / self.output.rate - self._drift.kept_seconds
        now = self._clock()
        is_cutting = self._long_since is not None and now - self._long_since >= _PATIENCE_SECONDS
        if excess <= (_FADE_SECONDS if is_cutting else _EXCESS_SECONDS):
            self._n_cuts += is_cutting
            self._long_since = None
            return sound
        if self._long_since is None:
            self._long_since = now
        if not is_cutting:
            return sound
        n_fade = min(round(_FADE_SECONDS * self.output.rate), len(sound))
        n = min(round(excess * self.output.rate), len(sound) - n_fade)  # if needed, the next blocks are cut too
        self._drift.shift(-n / self.output.rate)
        return _faded(sound[:n_fade], sound[n:], n_fade)


def _faded(old: Samples, new: Samples, n_fade: int) -> Samples:
    """Cross-fade from the beginning of `old` to `new`."""
    n_fade = min(n_fade, len(old), len(new))
    weight = np.linspace(0, 1, n_fade, dtype=np.float32)
    return np.concatenate([old[:n_fade] * (1 - weight) + new[:n_fade] * weight, new[n_fade:]])
