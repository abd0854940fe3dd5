"""The delay of a loop is measured, also through noise and a room, and a loop that is not there is not invented."""

from __future__ import annotations

import numpy as np
import pytest

from myna.realtime.latency import LoopbackProbe

RATE = 48000


def looped(delay: int, gain: float, noise: float, seconds: float = 8.0, echo: float = 0.0) -> LoopbackProbe:
    """A probe whose output comes back."""
    probe = LoopbackProbe(RATE)
    rng = np.random.default_rng(0)
    line = np.zeros(delay, np.float32)
    late = np.zeros(900, np.float32)
    for _ in range(round(seconds * RATE / 512)):
        n = min(512, delay)
        recorded = gain * line[:n] + noise * rng.standard_normal(n).astype(np.float32)
        recorded += echo * late[:n]
        late = np.concatenate([late[n:], line[:n]])
        line = np.concatenate([line[n:], probe.push(recorded.astype(np.float32))])
    return probe


@pytest.mark.parametrize("delay", [700, 9600, 40000])
def test_the_delay_of_a_loop_is_measured_to_the_sample(delay: int) -> None:
    found = looped(delay, 0.3, 0.003).result
    assert found is not None and found.seconds == pytest.approx(delay / RATE, abs=1 / RATE)
    assert found.spread_seconds <= 1 / RATE and found.clarity_db > 20


def test_an_echo_does_not_change_the_delay() -> None:
    found = looped(9600, 0.3, 0.001, echo=0.2).result
    assert found is not None and found.seconds == pytest.approx(0.2, abs=1 / RATE)


def test_a_microphone_that_does_not_record_the_output_has_no_result() -> None:
    probe = looped(9600, 0.0, 0.05)
    assert probe.result is None and probe.n_unclear == probe.n_bursts >= 6
