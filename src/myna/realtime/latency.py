"""Measurement of the delay from the output device back to the input device.

Bursts of noise are played and searched for in the input, which must record the output: by a cable, a monitor of the
sound server, or headphones at the microphone. The bursts pass through the engine, so its buffers are part of the delay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_BAND_HZ = (400.0, 6000.0)  # range that loudspeakers, microphones and codecs transmit
_BURST_SECONDS = 0.1
_PERIOD_SECONDS = 1.0  # time between two bursts, which is the longest measurable delay
_N_AGREEING = 4
_TOLERANCE_SECONDS = 0.002
_LEAST_CLARITY_DB = 20.0  # smallest difference between the correlation at the found delay and at other delays
_LARGEST = 0.25


@dataclass(frozen=True)
class RoundTrip:
    """Measured delay of the last bursts.

    Attributes:
        seconds: median of the delays.
        spread_seconds: difference between the largest and the smallest delay.
        clarity_db: level of the correlation at the found delay, relative to other delays, for the least clear burst.
    """

    seconds: float
    spread_seconds: float
    clarity_db: float


class LoopbackProbe:
    """Stream that returns bursts of noise instead of its input, and measures the delay until they are in its input.

    Attributes:
        result: the delay; None until four consecutive bursts agree within 2 ms.
        n_bursts: number of bursts that were searched for.
        n_unclear: number of bursts that were not found.
    """

    delay_samples = 0

    def __init__(self, sample_rate: int = 48000) -> None:
        self.sample_rate = sample_rate
        self.result: RoundTrip | None = None
        self.n_bursts = self.n_unclear = 0
        self._burst = _noise(round(_BURST_SECONDS * sample_rate), sample_rate)
        self._period = round(_PERIOD_SECONDS * sample_rate)
        self._first = self._period  # before the first burst, the devices settle
        self._position = 0  # position of the next sample
        self._recorded = np.empty(0, np.float32)  # input since `_begin`, the beginning of a burst
        self._begin = 0
        self._found: list[tuple[float, float]] = []

    def push(self, block: Samples) -> Samples:
        """Append the input, and return the test signal."""
        n = np.arange(self._position, self._position + len(block)) - self._first
        within = np.where(n >= 0, n % self._period, self._period)
        played = np.where(within < len(self._burst), self._burst[np.minimum(within, len(self._burst) - 1)], 0)
        self._recorded = np.concatenate([self._recorded, block])
        self._position += len(block)
        needed = self._period + len(self._burst)
        while len(self._recorded) >= needed:
            if self._begin >= self._first:
                self._look_for(self._recorded[:needed])
            self._recorded = self._recorded[self._period :]
            self._begin += self._period
        return np.asarray(played, np.float32)

    def _look_for(self, recorded: Samples) -> None:
        self.n_bursts += 1
        delay, clarity_db = find_burst(self._burst, recorded)
        if clarity_db < _LEAST_CLARITY_DB:
            self.n_unclear += 1
            self._found.clear()
            return
        self._found = [*self._found, (delay / self.sample_rate, clarity_db)][-_N_AGREEING:]
        seconds = [each for each, _ in self._found]
        spread = max(seconds) - min(seconds)
        if len(self._found) == _N_AGREEING and spread <= _TOLERANCE_SECONDS:
            self.result = RoundTrip(float(np.median(seconds)), spread, min(clarity for _, clarity in self._found))


def find_burst(burst: Samples, recorded: Samples) -> tuple[int, float]:
    """Return the position of a burst in a recording, and by how many dB its correlation is above that elsewhere."""
    size = 1 << (len(recorded) + len(burst)).bit_length()
    spectrum = np.fft.rfft(recorded, size) * np.conj(np.fft.rfft(burst, size))
    correlation = np.abs(np.fft.irfft(spectrum, size)[: len(recorded) - len(burst) + 1])
    delay = int(np.argmax(correlation))
    # Because of reverberation and the limited band, the correlation is large around the delay too.
    near = len(burst) // 2
    elsewhere = np.concatenate([correlation[: max(delay - near, 0)], correlation[delay + near :]])
    floor = float(np.sqrt(np.mean(np.square(elsewhere)))) if len(elsewhere) else 0.0
    peak = float(correlation[delay])
    return delay, 20 * float(np.log10((peak + 1e-12) / (floor + 1e-9)))


def _noise(n: int, sample_rate: int) -> Samples:
    """Return band-limited noise with soft ends, the same in every run."""
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(n))
    hz = np.fft.rfftfreq(n, 1 / sample_rate)
    spectrum[(hz < _BAND_HZ[0]) | (hz > min(_BAND_HZ[1], 0.4 * sample_rate))] = 0
    burst = np.fft.irfft(spectrum, n) * np.hanning(n) ** 0.5
    return np.asarray(_LARGEST * burst / np.abs(burst).max(), np.float32)
