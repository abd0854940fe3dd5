"""The formants of a synthesizer move by the shift, and its pitch does not, whatever kind of network it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from myna.conversion.formant_shift import FormantShifted, stretched
from myna.models.interface import Conditions, Generated, Sampling
from myna.models.noise import SilentNoise

RATE, HOP = 16000, 160
FORMANT_HZ = 1500.0
SAMPLING = Sampling(SilentNoise(), 0.0)


class OneFormant:
    """A synthesizer of harmonics of f0 around one formant; its content is the level."""

    def generate(self, conditions: Conditions, sampling: Sampling) -> Generated:
        f0 = conditions.f0[0].repeat_interleave(HOP).double()
        level = conditions.content[0, 0].repeat_interleave(HOP).double()
        cycles = torch.cumsum(f0 / RATE, 0)
        harmonics = [
            torch.exp(-(((k * f0 - FORMANT_HZ) / 250) ** 2)) * torch.sin(2 * torch.pi * k * cycles)
            for k in range(1, 40)
        ]
        return Generated((level * torch.stack(harmonics).sum(0)).float()[None, None], conditions.f0)


def conditions(n_frames: int = 200, hz: float = 220.0) -> Conditions:
    level = torch.linspace(0.05, 0.1, n_frames)[None, None]
    ones = torch.ones(1, n_frames)
    return Conditions(level, hz * ones, ones > 0, torch.tensor([0]), -20 * ones)


def harmonic_hz(audio: np.ndarray) -> float:
    """Distance between the harmonics, from the strongest one."""
    power = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), 16 * len(audio)))
    peak = float(np.argmax(power)) * RATE / (16 * len(audio))
    return peak / round(peak / 220)


def centre_hz(audio: np.ndarray) -> float:
    """Centre of gravity of the spectrum, whose harmonics have a single formant."""
    power = np.abs(np.fft.rfft(audio)) ** 2
    return float((np.fft.rfftfreq(len(audio), 1 / RATE) * power).sum() / power.sum())


@pytest.mark.parametrize(("semitones", "n_frames"), [(-6.0, 200), (-2.5, 60), (1.0, 60), (6.0, 200)])
def test_the_formant_moves_and_the_pitch_stays(semitones: float, n_frames: int) -> None:
    given = conditions(n_frames)
    generated = FormantShifted(OneFormant(), semitones).generate(given, SAMPLING)
    assert generated.audio.shape == (1, 1, n_frames * HOP)
    torch.testing.assert_close(generated.f0, given.f0)
    audio = generated.audio[0, 0].numpy()
    assert harmonic_hz(audio) == pytest.approx(220, rel=1e-3)
    moved = 12 * np.log2(centre_hz(audio) / FORMANT_HZ)
    assert moved == pytest.approx(semitones, abs=0.3)


def test_times_are_kept() -> None:
    """A click of the level stays where it is."""
    given = conditions(200)
    level = torch.zeros(1, 1, 200)
    level[..., 120:123] = 1.0
    for semitones in (-5.0, 5.0):
        audio = FormantShifted(OneFormant(), semitones).generate(given._replace(content=level), SAMPLING).audio
        power = audio[0, 0].square().numpy()
        middle = float((np.arange(len(power)) * power).sum() / power.sum()) / HOP
        assert middle == pytest.approx(121.5, abs=0.6)  # frames


def test_all_conditions_are_stretched_alike() -> None:
    mix = torch.stack([torch.linspace(0, 1, 80), torch.linspace(1, 0, 80)])[None]
    voiced = (torch.arange(80) < 40)[None]
    given = conditions(80)._replace(speaker=mix, voiced=voiced, loudness=torch.linspace(-40, -20, 80)[None])
    slow = stretched(given, 1.5)
    assert {slow.content.shape[-1], slow.f0.shape[-1], slow.voiced.shape[-1], slow.speaker.shape[-1]} == {120}
    assert slow.loudness is not None and slow.loudness.shape == (1, 120)
    torch.testing.assert_close(
        slow.loudness[0, 1:-1], torch.linspace(-40, -20, 80)[0] + (torch.arange(1, 119) / 1.5 - 1 / 6) * 20 / 79
    )
    assert slow.voiced[0].sum() == 60 and bool(slow.voiced[0, :60].all())
    constant = stretched(given._replace(speaker=mix[..., :1]), 1.5)
    torch.testing.assert_close(constant.speaker, mix[..., :1])
    assert stretched(conditions(1), 0.8).f0.shape == (1, 1)
