"""Level and pitch of live sound do not depend on the sizes of its blocks."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from myna.apps.gui.live.meters import FRAME_SECONDS, SILENCE_DB, Level, PitchTrace, SingerRange

RATE = 44100


def glide(seconds: float) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return a vowel that glides up an octave from 200 Hz, and its pitch at each sample."""
    hz = 200 * 2 ** (np.arange(round(seconds * RATE)) / (seconds * RATE))
    phase = 2 * np.pi * np.cumsum(hz) / RATE
    return sum(0.1 / k * np.sin(k * phase) for k in range(1, 8)).astype(np.float32), hz


@pytest.mark.parametrize("block", [960, 4410, 30000])
def test_the_trace_has_the_pitch_at_its_times(block: int) -> None:
    audio, hz = glide(3.0)
    trace = PitchTrace(RATE, start_seconds=10.0)
    found = np.concatenate([trace.measure(audio[i : i + block]) for i in range(0, len(audio), block)])
    centres = ((np.arange(len(found)) + 0.5) * FRAME_SECONDS * RATE).astype(int)
    assert len(found) > 2.5 / FRAME_SECONDS
    assert np.abs(1200 * np.log2(found[4:] / hz[centres[4:]])).max() < 30  # cents
    # The last second, with its times; those of a delayed signal are earlier.
    times, last = zip(*trace.last(delay_seconds=0.5), strict=True)
    assert len(times) == round(1 / FRAME_SECONDS)
    assert times[-1] == pytest.approx(9.5 + centres[-1] / RATE, abs=0.002)
    assert last[-1] == pytest.approx(found[-1], abs=0.1)


def test_silence_has_no_pitch() -> None:
    trace = PitchTrace(RATE)
    trace.measure(np.zeros(RATE, np.float32))
    assert all(hz is None for _, hz in trace.last())


def test_the_level_is_the_peak_since_the_last_call() -> None:
    level = Level()
    assert level.read_db() == SILENCE_DB
    for amplitude in (0.01, -0.1, 0.001):
        level.add(np.full(100, amplitude, np.float32))
    assert level.read_db() == pytest.approx(-20, abs=0.01)
    assert level.read_db() == pytest.approx(-20, abs=0.01)  # no block came
    level.add(np.full(100, 0.01, np.float32))
    assert level.read_db() == pytest.approx(-40, abs=0.01)


def test_the_range_of_a_singer_is_that_of_ten_voiced_seconds() -> None:
    singer = SingerRange()
    second = np.repeat(np.float32([220, 0]), round(0.5 / FRAME_SECONDS))
    found = [singer.add(second) for _ in range(21)]
    assert found.index(True) == 19 and sum(found) == 1
    assert singer.found is not None and singer.found.median_hz == 220
