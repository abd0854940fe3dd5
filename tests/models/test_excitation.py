"""Sources of the light voice have the right pitch, and equal power at all frequencies and pitches."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from myna.models.layers.excitation import (
    LOWEST_HZ,
    Excitation,
    between_frames,
    between_frames_explicitly,
    causal_ramps,
    pulses,
)
from myna.models.noise import SeededNoise

SAMPLE_RATE, HOP = 44100, 512
PULSES, BEATING, BREATH = range(3)


def sources(f0: Tensor, voiced: Tensor | None = None, seed: int = 0) -> Tensor:
    """Pulses, pulse-modulated noise and breath, (3, N)."""
    voiced = None if voiced is None else voiced[None]
    return Excitation.along(
        f0[None], voiced, HOP, SAMPLE_RATE, SeededNoise.of(seed), between_frames, causal=False
    ).samples()[0]


def steady(hz: float, seconds: float) -> Tensor:
    return torch.full((round(seconds * SAMPLE_RATE / HOP),), hz)


def moments(signal: Tensor) -> Tensor:
    """Positions of the pulses in samples, with subsample precision."""
    middle = signal[1:-1]
    near = (middle > signal[:-2]) & (middle >= signal[2:]) & (middle > 0.2 * signal.max())
    peaks = near.nonzero()[:, 0] + 1
    before, at, after = signal[peaks - 1], signal[peaks], signal[peaks + 1]
    return peaks + 0.5 * (before - after) / (before - 2 * at + after)


def test_pulses_have_equally_strong_harmonics_and_nothing_else() -> None:
    # A whole number of cycles, so that each harmonic is one bin.
    signal = sources(steady(220.0, 1.2))[PULSES, :SAMPLE_RATE]
    power = torch.fft.rfft(signal.double()).abs().square()
    harmonics = torch.arange(220, SAMPLE_RATE // 2, 220)
    assert power[harmonics].sum() / power.sum() > 0.9999
    decibels = 10 * power[harmonics].log10()
    assert decibels.max() - decibels.min() < 0.1


@pytest.mark.parametrize("hz", [80.0, 220.0, 880.0])
def test_every_source_has_unit_variance_at_every_pitch(hz: float) -> None:
    power = sources(steady(hz, 4.0)).square().mean(1)
    torch.testing.assert_close(power, torch.ones(3), atol=0.05, rtol=0)


def test_pitch_in_a_pause_does_not_move_the_pulses_after_it() -> None:
    """An error of 0.001 Hz in each frame of a long pause would add up to a new phase."""
    voiced = torch.tensor([True] * 20 + [False] * 80 + [True] * 20)
    f0 = torch.where(voiced, 220.0, 219.0)
    inner = torch.zeros(120, dtype=torch.bool)
    inner[22:98] = True
    torch.testing.assert_close(sources(f0 - 3 * inner, voiced), sources(f0, voiced))


def test_noise_is_white() -> None:
    """Pulse modulation moves energy by a few harmonics only."""
    signals = sources(steady(220.0, 4.0))[[BEATING, BREATH]]
    power = torch.fft.rfft(signals).abs().square()
    bands = torch.stack([band.mean(1) for band in power.chunk(10, dim=1)])
    assert (bands / bands.mean(0) - 1).abs().max() < 0.1


def test_modulated_noise_is_strongest_at_the_pulses() -> None:
    pulse, beating, _ = sources(steady(100.0, 4.0))  # 441 samples per cycle
    power = beating[: 441 * 400].square().reshape(-1, 441).mean(0)
    at_pulse = int(pulse[:441].argmax())
    assert power.roll(220 - at_pulse)[200:240].mean() > 2
    assert power.roll(-at_pulse)[200:240].mean() < 0.01


def test_unvoiced_frames_have_breath_noise_only() -> None:
    voiced = torch.arange(80) >= 40
    signals = sources(steady(300.0, 80 * HOP / SAMPLE_RATE), voiced)
    edge = 40 * HOP - HOP // 2  # the other sources fade in from the middle of the last unvoiced frame
    assert not signals[:BREATH, :edge].any()
    assert signals[BREATH, :edge].std() == pytest.approx(1, abs=0.05)
    assert signals[PULSES, edge + HOP :].std() == pytest.approx(1, abs=0.05)


def test_the_seed_determines_the_noise_and_pulses_are_deterministic() -> None:
    f0 = steady(220.0, 0.2)
    first, again, other = sources(f0, seed=1), sources(f0, seed=1), sources(f0, seed=2)
    assert torch.equal(first, again)
    assert torch.equal(first[PULSES], other[PULSES])
    assert not torch.equal(first[BREATH], other[BREATH])
    assert first[BREATH].dot(first[BEATING]).abs() / first.shape[1] < 0.05, "the two noises are two"


def test_pulses_follow_a_glide() -> None:
    """Two octaves in two seconds: the length of each cycle matches the pitch at its middle."""
    n_frames = round(2 * SAMPLE_RATE / HOP)
    f0 = 110 * 2 ** (2 * torch.arange(n_frames) / n_frames)
    at = moments(sources(f0)[PULSES])
    middle_frames = (at[1:] + at[:-1]) / 2 / HOP - 0.5  # f0 belongs to the middle of a frame
    expected = 110 * 2 ** (2 * middle_frames / n_frames)
    inside = (middle_frames > 0) & (middle_frames < n_frames - 1)
    cents = 1200 * torch.log2(SAMPLE_RATE / at.diff() / expected)[inside]
    assert len(cents) > 400
    assert cents.abs().median() < 1
    assert cents.abs().max() < 10  # 0.01 samples are 0.7 cents at the end


def test_causal_f0_follows_a_vibrato_without_delay() -> None:
    """At 6 Hz and 60 cents; a delay of half a frame would be an error of 13 cents."""

    def sung(seconds: Tensor) -> Tensor:
        return 220 * 2 ** (60 / 1200 * torch.sin(2 * math.pi * 6 * seconds))

    centres = (torch.arange(80) + 0.5) * HOP / SAMPLE_RATE
    hz, weight = causal_ramps(sung(centres)[None], torch.ones(1, 80), HOP)
    error = 1200 * torch.log2(hz[0] / sung((torch.arange(80 * HOP) + 0.5) / SAMPLE_RATE))
    assert error[HOP:].abs().max() < 5 and weight.eq(1).all()


def test_causal_f0_does_not_glide_into_a_note_and_does_not_overshoot_after_a_leap() -> None:
    voiced = torch.tensor([0.0, 0, 1, 1, 1, 0, 0])
    f0 = torch.tensor([300.0, 300, 220, 220, 440, 440, 440])
    hz, weight = (one.reshape(7, HOP) for one in causal_ramps(f0[None], voiced[None], HOP))
    assert hz[:2].eq(LOWEST_HZ).all() and hz[2:4].eq(220).all()
    assert hz[4].min() > 430 and hz[4].max() < 450
    assert hz[5].eq(440).all() and hz[6].eq(LOWEST_HZ).all()
    assert weight[[0, 1, 6]].eq(0).all() and weight[3:5].eq(1).all()
    assert (weight[2].diff() > 0).all() and (weight[5].diff() < 0).all()


def test_no_cycle_is_lost_or_doubled_at_a_leap() -> None:
    f0 = torch.tensor([200.0, 260.0, 180.0, 300.0]).repeat(10)
    cycles = moments(sources(f0)[PULSES]).diff() / SAMPLE_RATE
    assert cycles.min() > 1 / 301
    assert cycles.max() < 1 / 179


def test_phase_does_not_drift_over_a_minute() -> None:
    signal = sources(steady(440.0, 60.0))[PULSES]
    first = len(signal) - SAMPLE_RATE // 10
    at = first + moments(signal[first:]).double() + 1  # the first sample is one step into its cycle
    cycles = at * 440 / SAMPLE_RATE
    assert (cycles - cycles.round()).abs().max() < 0.01


def test_pulses_are_finite_with_their_maximum_at_the_pulse() -> None:
    cycles = torch.tensor([[0.0, 1e-9, 1e-6, 1e-4, 0.5, 1 - 1e-6, 1.0]])
    values = pulses(cycles, torch.full_like(cycles, 220.0), SAMPLE_RATE)[0]
    peak = math.sqrt(2 * 100)  # 100 harmonics
    assert values[:3].tolist() == pytest.approx([peak] * 3, rel=1e-3)
    assert values[-2:].tolist() == pytest.approx([peak] * 2, rel=1e-3)
    assert values.abs().max() <= peak * 1.001


@pytest.mark.parametrize("n_frames", [1, 7, 2000])
def test_the_explicit_interpolation_is_the_same_to_the_last_bit(n_frames: int) -> None:
    contour = 100 + 300 * torch.rand(2, n_frames, generator=torch.Generator().manual_seed(n_frames))
    assert torch.equal(between_frames_explicitly(contour, HOP), between_frames(contour, HOP))
