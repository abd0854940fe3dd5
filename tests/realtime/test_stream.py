"""A stream takes blocks of any size, delays by a constant, and changes its settings without a click."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from myna.conversion.settings import ConversionSettings
from myna.errors import ConfigError
from myna.options import ConversionOptions
from myna.realtime.gate import Gate
from myna.realtime.interface import LiveSettings
from myna.realtime.stream import Stream, open_stream
from myna.voice import Voice

RATE = 44100
OPEN = LiveSettings(gate_db=None)


@pytest.fixture(scope="module")
def voice() -> Voice:
    return Voice.load("joe")


class Halved:
    """A conversion that halves the source, in blocks of 1000 samples."""

    sample_rate = RATE
    block_samples = 1000
    delay_samples = 3000

    def __init__(self) -> None:
        self.waiting = np.empty(0, np.float32)

    def push(self, audio: np.ndarray, settings: ConversionSettings) -> np.ndarray:
        self.waiting = np.concatenate([self.waiting, audio])
        whole = max(len(self.waiting) - 2001, 0) // 1000 * 1000
        result, self.waiting = self.waiting[:whole] / 2, self.waiting[whole:]
        return result


def halving(voice: Voice, settings: LiveSettings = OPEN) -> Stream:
    resolved = ConversionSettings.resolve(voice.config, voice.path, ConversionOptions())
    return Stream(voice, Halved(), resolved, settings)


def tone(seconds: float = 1.0, hz: float = 100.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


@pytest.mark.parametrize("block", [1, 64, 882, 44100, "random"])
def test_the_output_is_the_conversion_after_a_constant_delay(voice: Voice, block: int | str) -> None:
    stream, source, parts, start = halving(voice), tone(0.3 if block == 1 else 1), [], 0
    random = np.random.default_rng(0)
    while start < len(source):
        size = int(random.integers(0, 5000)) if isinstance(block, str) else block
        parts.append(stream.push(source[start : start + size]))
        start += size
        assert len(parts[-1]) == len(source[start - size : start])
    delay = stream.delay_samples
    output = np.concatenate(parts)
    assert not output[:delay].any()
    np.testing.assert_array_equal(output[delay:], source[: len(source) - delay] / 2)


@pytest.mark.parametrize(
    ("change", "share"), [({"dry_wet": 0.0}, 1.0), ({"dry_wet": 0.5}, 0.75), ({"bypass": True}, 1.0), ({}, 0.5)]
)
def test_a_change_is_a_ramp_of_15_ms(voice: Voice, change: dict[str, float], share: float) -> None:
    stream, source = halving(voice), tone(2.0)
    before = stream.push(source[:RATE])
    stream.change(replace(OPEN, **change))  # type: ignore[arg-type]
    after = stream.push(source[RATE:])
    delayed = np.concatenate([np.zeros(3000), source])[: 2 * RATE]
    ramp = round(0.015 * RATE)
    np.testing.assert_allclose(after[ramp + 1 :], share * delayed[RATE + ramp + 1 :], atol=1e-6)
    steps = np.abs(np.diff(np.concatenate([before, after])[3001:]))
    assert steps.max() < 0.5 * 2 * np.pi * 100 / RATE + 0.5 / ramp, "neither the tone nor the ramp is steeper"


def test_the_gate_closes_after_the_sound_and_opens_before_it(voice: Voice) -> None:
    rest = 1e-4 * np.random.default_rng(0).standard_normal(RATE).astype(np.float32)  # -80 dB
    source = np.concatenate([rest, tone() + 0.0, rest, tone()])
    stream = halving(voice, LiveSettings(gate_db=-50))
    output = np.concatenate([stream.push(source[i : i + 441]) for i in range(0, len(source), 441)])
    aligned = output[stream.delay_samples :]
    assert not aligned[: round(0.97 * RATE)].any(), "digital silence behind the gate"
    assert not aligned[round(2.32 * RATE) : round(2.97 * RATE)].any()
    np.testing.assert_array_equal(aligned[RATE : 2 * RATE], source[RATE : 2 * RATE] / 2)  # the onset is complete


@pytest.mark.parametrize("threshold_db", [-60.0, -40.0])
def test_the_gate_has_hysteresis(threshold_db: float) -> None:
    """A level 3 dB below the threshold does not open the gate, and keeps an open one open."""
    gate = Gate(RATE)
    level = 10 ** ((threshold_db - 3) / 20)
    between = (level * np.sign(np.random.default_rng(0).standard_normal(RATE))).astype(np.float32)
    assert not gate.push(between, threshold_db).any()
    gate.push(4 * between[:4410], threshold_db)
    assert (gate.push(between, threshold_db) == 1).all()
    assert not gate.push(between / 4, threshold_db)[RATE // 2 :].any()


def test_gains_do_not_depend_on_the_blocks() -> None:
    source = (tone(1.0) * (np.arange(RATE) > RATE // 2)).astype(np.float32)
    once, blocks = Gate(RATE), Gate(RATE)
    gains = np.concatenate([blocks.push(source[i : i + 77], -40.0) for i in range(0, RATE, 77)])
    np.testing.assert_array_equal(gains, once.push(source, -40.0))


def test_silence_stays_silent_and_damaged_input_leaves_no_trace(voice: Voice) -> None:
    """Of a light voice: behind the gate the output is digital silence; without it, below -70 dB."""
    stream = open_stream(voice, block_seconds=0.1)
    source = np.zeros(RATE, np.float32)
    source[RATE // 4 : RATE // 4 + 10] = [np.nan, np.inf, -np.inf, 1e30, *([0] * 6)]
    stream.push(source)
    assert np.isfinite(stream.push(tone())).all()
    for settings, highest in ((LiveSettings(), 0.0), (OPEN, 10 ** (-70 / 20))):
        quiet = open_stream(voice, settings=settings, block_seconds=0.1)
        output = np.concatenate([quiet.push(np.zeros(882, np.float32)) for _ in range(75)])
        assert np.abs(output).max() <= highest


def test_a_change_of_pitch_or_speaker_does_not_click(voice: Voice) -> None:
    """The largest step between samples after a transposition is not larger than those of the steady voice."""
    stream = open_stream(voice, settings=OPEN, block_seconds=0.1)
    source = sum(tone(1.5, 200 * k) / k for k in range(1, 10))
    output = [stream.push(source)]
    stream.change(replace(OPEN, transpose=5.0))
    output.append(stream.push(source))
    steps = np.abs(np.diff(np.concatenate(output)))[RATE:]
    changed = stream.delay_samples + len(source) - RATE
    window = slice(changed - RATE // 4, changed + RATE // 20)
    assert steps[window].max() < 1.5 * np.delete(steps, np.arange(window.start, window.stop)).max()


def test_errors_name_the_way_out(voice: Voice) -> None:
    with pytest.raises(ConfigError, match="autotune and vibrato need the whole recording"):
        open_stream(voice, ConversionOptions(autotune="Am", vibrato=2.0))
    stream = halving(voice)
    with pytest.raises(ConfigError, match="Anna"):
        stream.change(LiveSettings(speaker="Anna"))
    with pytest.raises(ConfigError, match="constant shares"):
        stream.change(LiveSettings(speaker_mix="song.csv"))
    with pytest.raises(ConfigError, match="dry_wet must be between 0 and 1"):
        LiveSettings(dry_wet=1.5)
