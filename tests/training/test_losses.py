"""Losses against their formulas."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from myna.config import TrainConfig
from myna.models.interface import DiscriminatorOutput, Latents
from myna.models.layers.gaussian import Gaussian
from myna.training.losses import (
    adversarial_loss,
    discriminator_loss,
    feature_matching_loss,
    kl_loss,
    loss_weights,
    spectral_losses,
    subband_loss,
    weighted_sum,
)


def output(score: float, feature: float) -> DiscriminatorOutput:
    return DiscriminatorOutput(torch.full((2, 5), score), [torch.full((2, 3, 4), feature)])


def test_correct_scores_cost_the_discriminators_nothing_and_the_synthesizer_the_maximum() -> None:
    real, fake = [output(1, 0)] * 6, [output(0, 0)] * 6
    assert discriminator_loss(real, fake) == 0
    assert adversarial_loss(fake) == 6
    assert discriminator_loss(fake, real) == 12


def test_feature_matching_is_the_l1_distance_of_feature_maps() -> None:
    assert feature_matching_loss([output(0, 1.0)] * 3, [output(1, 1.5)] * 3) == pytest.approx(1.5)


def test_kl_equals_that_of_the_distributions_on_average_and_ignores_padding() -> None:
    torch.manual_seed(0)
    shape = (4, 2, 20000)
    posterior = Gaussian(torch.full(shape, 0.3), torch.full(shape, -0.5))
    prior = Gaussian(torch.full(shape, -0.2), torch.full(shape, 0.1))
    expected = kl_divergence(
        Normal(torch.tensor(0.3), torch.tensor(-0.5).exp()), Normal(torch.tensor(-0.2), torch.tensor(0.1).exp())
    )
    sample = posterior.at(torch.randn(shape))
    mask = torch.ones(4, 1, 20000)
    mask[:, :, 15000:] = 0
    sample[:, :, 15000:] = 1e6
    # One sample a frame: its two channels add up.
    assert kl_loss(Latents(posterior, prior, sample, mask)) == pytest.approx(2 * float(expected), rel=0.02)


def test_the_subband_loss_of_equal_bands_is_zero_and_of_a_gain_is_its_error() -> None:
    torch.manual_seed(0)
    bands = torch.randn(2, 4, 2560)
    assert subband_loss(bands, bands, TrainConfig()) == 0
    convergence = subband_loss(bands, bands * (1 - 1e-3), TrainConfig())
    assert convergence == pytest.approx(2e-3, rel=0.02)  # 1e-3 of the norm, and log(1 - 1e-3)


def test_a_loss_without_a_weight_is_an_error() -> None:
    weights = loss_weights(TrainConfig())
    assert (weights["mel"], weights["feature_matching"]) == (45.0, 2.0)
    assert weighted_sum({"mel": torch.tensor(2.0), "kl": torch.tensor(1.0)}, weights) == 91
    with pytest.raises(KeyError, match=r"no weight for .*'mell'"):
        weighted_sum({"mell": torch.tensor(1.0)}, weights)


RATE = 44100


def noise(low_hz: float, high_hz: float, seed: int) -> Tensor:
    """Noise between two frequencies, (1, N)."""
    random = torch.Generator().manual_seed(seed)
    spectrum = torch.fft.rfft(0.1 * torch.randn(1, RATE, generator=random))
    hz = torch.fft.rfftfreq(RATE, 1 / RATE)
    return torch.fft.irfft(spectrum * ((hz >= low_hz) & (hz < high_hz)))


def spectral(recording: Tensor, generated: Tensor, bandwidth_hz: float = RATE / 2) -> dict[str, float]:
    losses = spectral_losses(recording, generated, torch.full((len(generated),), bandwidth_hz), RATE)
    return {name: float(loss) for name, loss in losses.items()}


def test_the_loss_of_equal_spectra_is_zero() -> None:
    recording = noise(0, 22050, seed=1)
    assert spectral(recording, recording) == {"mel": 0, "spectrum": 0}
    assert spectral(recording, -recording) == {"mel": 0, "spectrum": 0}, "the sign of a signal is inaudible"


@pytest.mark.parametrize("gain", [0.5, 2.0])
def test_six_decibels_cost_the_logarithm_of_two(gain: float) -> None:
    recording = noise(0, 22050, seed=1)
    losses = spectral(recording, gain * recording)
    assert losses["mel"] == pytest.approx(math.log(2), rel=0.01)
    assert losses["spectrum"] == pytest.approx(math.log(2), rel=0.05)  # the softest bins count little


def test_frequencies_above_the_bandwidth_are_not_compared() -> None:
    """Neither extra nor missing frequencies above the bandwidth of a recording at 16 kHz cost anything."""
    voice, air = noise(0, 7900, seed=1), noise(8300, 22050, seed=2)
    for recording, generated in ((voice, voice + air), (voice + air, voice)):
        assert max(spectral(recording, generated, bandwidth_hz=8000).values()) < 0.02
        assert min(spectral(recording, generated).values()) > 0.5


def test_frequencies_above_the_bandwidth_do_not_dilute_the_mean() -> None:
    """Half the amplitude costs the same with a bandwidth of 8 kHz as with the full one."""
    recording = noise(0, 22050, seed=1)
    assert spectral(recording, recording / 2, bandwidth_hz=8000)["mel"] == pytest.approx(math.log(2), rel=0.02)


def test_each_clip_is_compared_within_its_own_bandwidth() -> None:
    voice, air = noise(0, 7900, seed=1), noise(8300, 22050, seed=2)
    recordings, generated = torch.cat([voice, voice]), torch.cat([voice + air, voice])
    losses = spectral_losses(recordings, generated, torch.tensor([8000.0, 22050.0]), RATE)
    assert max(map(float, losses.values())) < 0.02


def test_the_loss_of_silence_is_zero_with_finite_gradients() -> None:
    silence = torch.zeros(1, RATE)
    generated = silence.clone().requires_grad_()
    losses = spectral_losses(silence, generated, torch.tensor([22050.0]), RATE)
    assert not any(loss.detach().any() for loss in losses.values())
    sum(losses.values()).backward()
    assert generated.grad is not None and generated.grad.isfinite().all()
