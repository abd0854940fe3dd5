"""The engine keeps the delay: with late blocks, gaps, jumps, two clocks and a change of the voice."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from numpy.typing import NDArray

from myna.realtime.engine import Engine
from myna.realtime.resampling import Resampler
from realtime.simulated_card import Delay, Headphones, Microphone, Samples, Slow, World, run

RATE = 48000
HZ = 441.3
WHITE = np.random.default_rng(0).standard_normal(1 << 20)
NOISE = (np.convolve(WHITE, np.hanning(17), "same") / 17).astype(np.float32)


def tone(number: NDArray[np.int64]) -> Samples:
    return (0.5 * np.sin(2 * np.pi * HZ * number / RATE)).astype(np.float32)


def noise(number: NDArray[np.int64]) -> Samples:
    """Noise below 6 kHz, the same for the same sample numbers."""
    return NOISE[number % len(NOISE)]


def lag_of(played: Samples, at: int, n: int = 8192) -> int:
    """Delay in samples of what is played from sample `at` on, for a microphone with `noise`."""
    reach = RATE
    said = noise(np.arange(at - reach, at + n))
    heard = played[at : at + n]
    size = 1 << 17
    spectrum = np.fft.rfft(said, size) * np.conj(np.fft.rfft(heard, size))
    return reach - int(np.argmax(np.fft.irfft(spectrum)[: reach + 1]))


def engine_of(world: World, stream: Delay, block: float = 0.1, reserve: float = 0.06) -> Engine:
    return Engine(stream, RATE, RATE, block_seconds=block, reserve_seconds=reserve, clock=world.clock)


@pytest.mark.parametrize("rate", [44100, 48000, 32000])
def test_the_sound_arrives_unchanged_with_the_stated_delay(rate: int) -> None:
    world = World()
    engine = engine_of(world, Delay(rate, delay_samples=rate // 10))
    Microphone(world, engine.input, RATE, noise)
    headphones = Headphones(world, engine.output, RATE)
    run(world, engine, 4)
    report = engine.report()
    assert report.n_gaps == 0 and report.drift_ppm == pytest.approx(0, abs=40)
    lag = lag_of(headphones.played, 3 * RATE)
    # The two callbacks count a chunk before and after.
    assert lag / RATE == pytest.approx(report.buffer + report.stream, abs=0.015)
    assert report.stream == pytest.approx(0.1, abs=0.005)
    played, said = headphones.played[3 * RATE :][:9600], noise(np.arange(3 * RATE - lag, 3 * RATE - lag + 9600))
    # A fraction of a sample remains between the two.
    assert np.corrcoef(played, said)[0, 1] > 0.97


@pytest.mark.parametrize("ppm", [100.0, -100.0])
def test_two_clocks_that_differ_do_not_change_the_delay(ppm: float) -> None:
    world = World(1)
    engine = engine_of(world, Delay(44100))
    Microphone(world, engine.input, RATE, tone, jitter=0.008)
    Headphones(world, engine.output, RATE * (1 + ppm * 1e-6), jitter=0.008)
    run(world, engine, 5)
    delays = []
    for _ in range(40):
        run(world, engine, 2)
        delays.append(engine.report().buffer)
    assert engine.report().n_gaps == 0
    # Without the correction, the delay would have changed by 8 ms.
    assert max(delays) - min(delays) < 0.005
    assert engine.report().drift_ppm == pytest.approx(ppm, abs=60)


def test_sound_that_stays_in_a_device_does_not_change_the_delay() -> None:
    world = World()
    engine = engine_of(world, Delay(44100), block=0.03)
    slow = 60e-6  # part of the recorded sound that the device keeps

    def deliver(number: NDArray[np.int64]) -> Samples:
        engine.input.device_seconds = slow * world.now
        return tone(number)

    Microphone(world, engine.input, RATE * (1 - slow), deliver)
    Headphones(world, engine.output, RATE)
    run(world, engine, 40)
    totals = []
    for _ in range(30):
        run(world, engine, 2)
        totals.append(engine.report().buffer + engine.input.device_seconds)
    assert engine.report().n_gaps == 0
    assert max(totals) - min(totals) < 0.002  # it would have been 3.6 ms


def test_one_late_block_is_one_gap_and_no_delay_afterwards() -> None:
    world = World()
    late = [0.0] * 40 + [0.45] + [0.0] * 1000
    engine = engine_of(world, Slow(lambda: world.advance(0.01 + late.pop(0))))
    Microphone(world, engine.input, RATE, noise)
    headphones = Headphones(world, engine.output, RATE)
    run(world, engine, 4)
    before = lag_of(headphones.played, 3 * RATE)
    run(world, engine, 6)
    assert engine.report().n_gaps == 1 and engine.report().recent_gaps == 1
    assert lag_of(headphones.played, 9 * RATE) == pytest.approx(before, abs=0.012 * RATE)
    run(world, engine, 10)
    assert engine.report().recent_gaps == 0


def test_a_block_that_is_late_by_less_than_the_reserve_is_no_gap() -> None:
    world = World()
    late = [0.0] * 20 + [0.12] + [0.0] * 1000
    engine = engine_of(world, Slow(lambda: world.advance(0.01 + late.pop(0))), block=0.02, reserve=0.15)
    Microphone(world, engine.input, RATE, noise)
    headphones = Headphones(world, engine.output, RATE)
    run(world, engine, 4)
    assert engine.report().n_gaps == 0
    lag = lag_of(headphones.played, 3 * RATE)
    assert lag == pytest.approx(RATE * (0.02 + 0.15), abs=0.02 * RATE)


def test_a_machine_that_is_too_slow_converts_the_newest_input() -> None:
    world = World()
    engine = engine_of(world, Slow(lambda: world.advance(0.25)))
    Microphone(world, engine.input, RATE, noise)
    headphones = Headphones(world, engine.output, RATE)
    run(world, engine, 20)
    report = engine.report()
    assert report.recent_gaps > 10 and report.compute.median == pytest.approx(0.25)
    # The sound is recent: the delay is not longer than with a fast machine, apart from the work itself.
    played = headphones.played
    first = next(n for n in range(18 * RATE, len(played)) if played[n] == 0 and played[n + 1 : n + 2000].all())
    assert lag_of(played, first + 600, 1500) < 0.7 * RATE


def test_a_delay_that_grew_without_a_gap_is_cut() -> None:
    world = World()
    engine = engine_of(world, Delay(44100))
    Microphone(world, engine.input, RATE, noise)
    headphones = Headphones(world, engine.output, RATE)
    run(world, engine, 5)
    before = lag_of(headphones.played, 4 * RATE)
    engine.output.ring.write(np.zeros(RATE // 5, np.float32))
    run(world, engine, 5)
    assert engine.report().n_gaps == 1
    assert lag_of(headphones.played, 9 * RATE) == pytest.approx(before, abs=0.01 * RATE)


def test_the_time_of_a_block_includes_the_parts_in_which_it_was_passed() -> None:
    world = World()
    works = [0.0, 0.0, 0.0, 0.0, 0.03] * 100  # the stream collects five parts
    stream = Slow(lambda: world.advance(works.pop(0)))
    engine = Engine(stream, RATE, RATE, block_seconds=0.02, reserve_seconds=0.05, period_seconds=0.1, clock=world.clock)
    Microphone(world, engine.input, RATE, noise)
    headphones = Headphones(world, engine.output, RATE)
    run(world, engine, 4)
    report = engine.report()
    assert report.n_gaps == 0 and report.block == 0.1 and report.compute.median == pytest.approx(0.03, abs=1e-6)
    assert lag_of(headphones.played, 3 * RATE) == pytest.approx(0.07 * RATE, abs=0.02 * RATE)


def test_gaps_begin_and_end_without_a_click() -> None:
    world = World()
    late = [0.0] * 40 + [0.45] + [0.0] * 1000
    engine = engine_of(world, Slow(lambda: world.advance(0.01 + late.pop(0))))
    Microphone(world, engine.input, RATE, tone)
    headphones = Headphones(world, engine.output, RATE)
    run(world, engine, 8)
    assert engine.report().n_gaps == 1
    # The tone itself moves by at most 2 pi f / rate of its amplitude from sample to sample.
    assert np.abs(np.diff(headphones.played[RATE:])).max() < 0.5 * 2 * np.pi * HZ / RATE * 1.3


def test_another_voice_takes_over_without_a_gap() -> None:
    world = World()
    engine = engine_of(world, Delay(44100, 4410))
    Microphone(world, engine.input, RATE, noise)
    headphones = Headphones(world, engine.output, RATE)
    run(world, engine, 2)
    done: list[bool] = []
    changing = threading.Thread(target=lambda: done.append(engine.replace(Delay(32000, 6400))))
    changing.start()
    while not done:
        run(world, engine, 0.05)
    changing.join()
    run(world, engine, 3)
    assert done == [True] and engine.report().n_gaps == 0
    assert engine.report().stream == pytest.approx(0.2, abs=0.005)
    loud = np.abs(headphones.played[2 * RATE :]).reshape(-1, 480).max(1)
    assert loud.min() > 0.01  # there is sound at all times


def test_a_voice_with_longer_blocks_gets_a_longer_reserve_without_a_gap_or_a_click() -> None:
    world = World()
    engine = engine_of(world, Delay(44100), block=0.04)
    Microphone(world, engine.input, RATE, tone)
    headphones = Headphones(world, engine.output, RATE)
    run(world, engine, 2)
    done: list[bool] = []
    changing = threading.Thread(
        target=lambda: done.append(engine.replace(Delay(44100), reserve_seconds=0.3, period_seconds=0.2))
    )
    changing.start()
    while not done:
        run(world, engine, 0.05)
    run(world, engine, 3)
    report = engine.report()
    assert done == [True] and report.n_gaps == 0 and report.block == 0.2
    assert report.buffer == pytest.approx(0.34, abs=0.02)
    assert np.abs(np.diff(headphones.played[RATE:])).max() < 0.5 * 2 * np.pi * HZ / RATE * 1.3


def test_a_voice_that_fails_beside_another_changes_nothing() -> None:
    def fail() -> None:
        raise ValueError("no")

    world = World()
    engine = engine_of(world, Delay(44100))
    Microphone(world, engine.input, RATE, noise)
    Headphones(world, engine.output, RATE)
    run(world, engine, 1)
    errors: list[str] = []

    def change() -> None:
        try:
            engine.replace(Slow(fail))
        except ValueError as error:
            errors.append(str(error))

    changing = threading.Thread(target=change)
    changing.start()
    while changing.is_alive():
        run(world, engine, 0.05)
    run(world, engine, 1)
    assert errors == ["no"] and engine.report().n_gaps == 0


def test_a_stream_that_fails_ends_the_worker_with_its_error() -> None:
    def fail() -> None:
        raise ValueError("no")

    engine = Engine(Slow(fail), RATE, RATE, block_seconds=0.02, reserve_seconds=0.02)
    engine.start()
    for _ in range(200):
        engine.output(np.zeros((480, 1), np.float32))
        engine.input(np.zeros((480, 1), np.float32))
        if engine.failure:
            break
        threading.Event().wait(0.01)
    engine.stop()
    assert isinstance(engine.failure, ValueError)


@pytest.mark.parametrize(("source", "target"), [(48000, 44100), (44100, 48000), (96000, 32000), (16000, 48000)])
def test_resampled_tones_keep_their_pitch_phase_and_level(source: int, target: int) -> None:
    resampler = Resampler(target / source)
    for hz in (50.0, 1000.0, 0.39 * min(source, target)):
        resampler = Resampler(target / source)
        rng = np.random.default_rng(0)
        said = np.sin(2 * np.pi * hz * np.arange(source) / source).astype(np.float32)
        cuts = np.sort(rng.integers(0, source, 40))
        heard = np.concatenate([resampler.push(part) for part in np.split(said, cuts)])
        expected = np.sin(2 * np.pi * hz * np.arange(len(heard)) / target)
        assert np.abs(heard - expected)[1000:].max() < 2e-3
        assert len(heard) == pytest.approx(target, abs=2 * resampler.lookahead * max(target / source, 1) + 2)


def test_resampling_leaves_no_aliases() -> None:
    resampler = Resampler(16000 / 48000)
    heard = resampler.push(np.sin(2 * np.pi * 9000 * np.arange(48000) / 48000).astype(np.float32))
    assert np.abs(heard[500:]).max() < 3e-4
