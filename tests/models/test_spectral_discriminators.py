"""Spectral discriminators score a recording up to its bandwidth, quiet and loud parts alike."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from myna.models.discriminators.spectral import SPECTRA, SpectralDiscriminators

RATE = 44100
N_SAMPLES = 16384


@pytest.fixture
def discriminators() -> SpectralDiscriminators:
    torch.manual_seed(0)
    return SpectralDiscriminators(RATE)


def noise(low_hz: float, high_hz: float, seed: int, n_signals: int = 1) -> Tensor:
    """Band-limited noise (B, 1, N) of variance at most 0.01, faded at both ends."""
    random = torch.Generator().manual_seed(seed)
    spectrum = torch.fft.rfft(0.1 * torch.randn(n_signals, 1, N_SAMPLES, generator=random))
    hz = torch.fft.rfftfreq(N_SAMPLES, 1 / RATE)
    return torch.fft.irfft(spectrum * ((hz >= low_hz) & (hz < high_hz))) * torch.hann_window(N_SAMPLES)


def furthest(one: list[Tensor], other: list[Tensor]) -> float:
    return max(float((a - b).abs().max()) for a, b in zip(one, other, strict=True))


@torch.no_grad()
def scores(discriminators: SpectralDiscriminators, signal: Tensor, highest_hz: float) -> list[Tensor]:
    return [output.score for output in discriminators(signal, torch.full((len(signal),), highest_hz))]


def test_frequencies_above_the_bandwidth_do_not_change_scores(discriminators: SpectralDiscriminators) -> None:
    voice, hiss = noise(0, 6000, seed=1), noise(12000, 22050, seed=2)
    assert furthest(scores(discriminators, voice, 8000), scores(discriminators, voice + hiss, 8000)) < 1e-4
    assert furthest(scores(discriminators, voice, 22050), scores(discriminators, voice + hiss, 22050)) > 1e-2


def test_each_clip_has_its_own_bandwidth(discriminators: SpectralDiscriminators) -> None:
    signals = noise(0, 22050, seed=1, n_signals=2)
    with torch.no_grad():
        together = discriminators(signals, torch.tensor([22050.0, 5000.0]))
    for clip, highest_hz in ((0, 22050.0), (1, 5000.0)):
        alone = scores(discriminators, signals[clip : clip + 1], highest_hz)
        assert furthest([output.score[clip : clip + 1] for output in together], alone) < 1e-5


def test_frequencies_above_the_bandwidth_have_no_gradient(discriminators: SpectralDiscriminators) -> None:
    signal = noise(0, 22050, seed=1).requires_grad_()
    sum(output.score.sum() for output in discriminators(signal, torch.tensor([8000.0]))).backward()
    assert signal.grad is not None
    power = torch.fft.rfft(signal.grad[0, 0]).abs().square()
    hz = torch.fft.rfftfreq(N_SAMPLES, 1 / RATE)
    assert power[hz > 9000].sum() / power.sum() < 1e-3


def test_the_input_transform_compresses_level_differences(discriminators: SpectralDiscriminators) -> None:
    voice, highest_hz = noise(0, 22050, seed=1), torch.tensor([22050.0])
    discriminator = discriminators.discriminators[0]
    loud, soft = (discriminator.spectrum(gain * voice, highest_hz).square().mean().sqrt() for gain in (3.0, 0.3))  # type: ignore[operator]
    assert loud / soft == pytest.approx(10**0.3, rel=0.1)


def test_silence_gives_finite_scores(discriminators: SpectralDiscriminators) -> None:
    silence = torch.zeros(1, 1, N_SAMPLES, requires_grad=True)
    sum(output.score.sum() for output in discriminators(silence, torch.tensor([22050.0]))).backward()
    assert silence.grad is not None and silence.grad.isfinite().all()


def test_there_is_a_discriminator_per_resolution_and_all_get_gradients(discriminators: SpectralDiscriminators) -> None:
    outputs = discriminators(noise(0, 22050, seed=1, n_signals=2), torch.tensor([22050.0, 22050.0]))
    assert len(outputs) == len(SPECTRA)
    assert all(output.score.shape[0] == 2 for output in outputs)
    sum(output.score.square().mean() for output in outputs).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in discriminators.parameters())


def test_some_discriminators_take_only_the_first_harmonics(discriminators: SpectralDiscriminators) -> None:
    voice, hiss = noise(0, 2000, seed=1), noise(4000, 22050, seed=2)
    for spectrum, alone, both in zip(
        SPECTRA, scores(discriminators, voice, 22050), scores(discriminators, voice + hiss, 22050), strict=True
    ):
        apart = float((alone - both).abs().max())
        assert apart < 1e-4 if spectrum.low else apart > 1e-2
