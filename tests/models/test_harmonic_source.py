"""The excitation has the given pitch."""

from __future__ import annotations

import math

import pytest
import torch

from myna.models.layers.harmonic_source import N_HARMONICS, SINE_AMPLITUDE, HarmonicSource
from myna.models.noise import SeededNoise

SAMPLE_RATE, HOP = 44100, 512


@pytest.fixture
def source() -> HarmonicSource:
    source = HarmonicSource(SAMPLE_RATE)
    torch.nn.init.constant_(source.mix.weight, 1 / N_HARMONICS)
    torch.nn.init.zeros_(source.mix.bias)
    return source


def test_energy_is_at_the_harmonics(source: HarmonicSource) -> None:
    with torch.no_grad():
        audio = source(torch.full((1, 87), 220.0), HOP, SeededNoise.of(0))[0, 0]
    power = torch.fft.rfft(audio * torch.hann_window(len(audio))).abs().square()
    hz = torch.fft.rfftfreq(len(audio), 1 / SAMPLE_RATE)
    nearest = (hz / 220).round().clamp(1, N_HARMONICS) * 220
    assert power[(hz - nearest).abs() < 5].sum() / power.sum() > 0.98


def test_unvoiced_frames_are_noise(source: HarmonicSource) -> None:
    f0 = torch.cat([torch.zeros(1, 40), torch.full((1, 40), 300.0)], dim=1)
    with torch.no_grad():
        audio = source(f0, HOP, SeededNoise.of(0))[0, 0]
    spectrum = torch.fft.rfft(audio[: 40 * HOP]).abs().square()
    flatness = spectrum.log().mean().exp() / spectrum.mean()
    assert flatness > 0.4  # 0.56 for white noise, near 0 for tones
    assert audio[: 40 * HOP].std() == pytest.approx(SINE_AMPLITUDE / 3 / math.sqrt(N_HARMONICS), rel=0.05)


def test_phase_does_not_drift_over_a_minute(source: HarmonicSource) -> None:
    n_frames = 60 * SAMPLE_RATE // HOP
    f0 = 220 + 30 * torch.sin(torch.arange(n_frames) * 0.4)  # vibrato
    exact = torch.cumsum((f0.double() / SAMPLE_RATE).repeat_interleave(HOP), 0)
    for harmonic in (1, N_HARMONICS):
        cycles = source._cycles(f0[None] * harmonic, HOP)[0]
        difference = cycles.double() - harmonic * exact
        drift = (difference - difference.round()).abs().max()
        assert drift < 0.01, harmonic  # of a cycle


def test_the_output_is_continuous_across_frames(source: HarmonicSource) -> None:
    torch.nn.init.zeros_(source.mix.weight)
    with torch.no_grad():
        source.mix.weight[0, 0] = 1  # only the fundamental, at 0.1
        audio = source(torch.tensor([[200.0, 260.0, 180.0, 300.0]]), HOP, SeededNoise.of(0))[0, 0]
    steepest = SINE_AMPLITUDE * 2 * math.pi * 300 / SAMPLE_RATE
    assert audio.diff().abs().max() < steepest + 6 * 0.003 * math.sqrt(2)  # plus its noise
