"""The judges of spectra hear what a recording holds, soft sounds beside loud ones, and nothing above."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from myna.models.discriminators.spectral import SPECTRA, SpectralDiscriminators

RATE = 44100
N_SAMPLES = 16384


@pytest.fixture
def judges() -> SpectralDiscriminators:
    torch.manual_seed(0)
    return SpectralDiscriminators(RATE)


def noise(low_hz: float, high_hz: float, seed: int, n_signals: int = 1) -> Tensor:
    """(B, 1, N) noise of variance 0.01 or less, between two frequencies only, that fades at both ends."""
    random = torch.Generator().manual_seed(seed)
    spectrum = torch.fft.rfft(0.1 * torch.randn(n_signals, 1, N_SAMPLES, generator=random))
    hz = torch.fft.rfftfreq(N_SAMPLES, 1 / RATE)
    return torch.fft.irfft(spectrum * ((hz >= low_hz) & (hz < high_hz))) * torch.hann_window(N_SAMPLES)


def furthest(one: list[Tensor], other: list[Tensor]) -> float:
    return max(float((a - b).abs().max()) for a, b in zip(one, other, strict=True))


@torch.no_grad()
def scores(judges: SpectralDiscriminators, signal: Tensor, highest_hz: float) -> list[Tensor]:
    return [judged.score for judged in judges(signal, torch.full((len(signal),), highest_hz))]


def test_what_lies_above_is_not_seen(judges: SpectralDiscriminators) -> None:
    voice, hiss = noise(0, 6000, seed=1), noise(12000, 22050, seed=2)
    assert furthest(scores(judges, voice, 8000), scores(judges, voice + hiss, 8000)) < 1e-4
    assert furthest(scores(judges, voice, 22050), scores(judges, voice + hiss, 22050)) > 1e-2


def test_each_clip_has_its_own_limit(judges: SpectralDiscriminators) -> None:
    signals = noise(0, 22050, seed=1, n_signals=2)
    with torch.no_grad():
        together = judges(signals, torch.tensor([22050.0, 5000.0]))
    for clip, highest_hz in ((0, 22050.0), (1, 5000.0)):
        alone = scores(judges, signals[clip : clip + 1], highest_hz)
        assert furthest([judged.score[clip : clip + 1] for judged in together], alone) < 1e-5


def test_what_lies_above_teaches_nothing(judges: SpectralDiscriminators) -> None:
    signal = noise(0, 22050, seed=1).requires_grad_()
    sum(judged.score.sum() for judged in judges(signal, torch.tensor([8000.0]))).backward()
    assert signal.grad is not None
    power = torch.fft.rfft(signal.grad[0, 0]).abs().square()
    hz = torch.fft.rfftfreq(N_SAMPLES, 1 / RATE)
    assert power[hz > 9000].sum() / power.sum() < 1e-3


def test_soft_and_loud_are_seen_closer_together_than_they_are(judges: SpectralDiscriminators) -> None:
    voice, highest_hz = noise(0, 22050, seed=1), torch.tensor([22050.0])
    judge = judges.discriminators[0]
    loud, soft = (judge.seen(gain * voice, highest_hz).square().mean().sqrt() for gain in (3.0, 0.3))  # type: ignore[operator]
    assert loud / soft == pytest.approx(10**0.3, rel=0.1)


def test_silence_is_borne(judges: SpectralDiscriminators) -> None:
    silence = torch.zeros(1, 1, N_SAMPLES, requires_grad=True)
    sum(judged.score.sum() for judged in judges(silence, torch.tensor([22050.0]))).backward()
    assert silence.grad is not None and silence.grad.isfinite().all()


def test_there_is_a_judge_for_each_sight_and_all_of_it_learns(judges: SpectralDiscriminators) -> None:
    judgements = judges(noise(0, 22050, seed=1, n_signals=2), torch.tensor([22050.0, 22050.0]))
    assert len(judgements) == len(SPECTRA)
    assert all(judged.score.shape[0] == 2 for judged in judgements)
    sum(judged.score.square().mean() for judged in judgements).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in judges.parameters())


def test_some_judges_see_the_first_harmonics_only(judges: SpectralDiscriminators) -> None:
    voice, hiss = noise(0, 2000, seed=1), noise(4000, 22050, seed=2)
    for sight, alone, both in zip(
        SPECTRA, scores(judges, voice, 22050), scores(judges, voice + hiss, 22050), strict=True
    ):
        apart = float((alone - both).abs().max())
        assert apart < 1e-4 if sight.low else apart > 1e-2
