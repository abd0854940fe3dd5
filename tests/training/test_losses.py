"""Losses against their formulas."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from myna.config import TrainConfig
from myna.models.discriminators import Judgement
from myna.models.synthesizer import Gaussian
from myna.training.losses import (
    adversarial_loss,
    critic_loss,
    feature_matching_loss,
    kl_loss,
    loss_weights,
    subband_loss,
    weighted_sum,
)


def judgement(score: float, feature: float) -> Judgement:
    return Judgement(torch.full((2, 5), score), [torch.full((2, 3, 4), feature)])


def test_a_critic_that_is_right_loses_nothing_and_the_synthesizer_all() -> None:
    real, fake = [judgement(1, 0)] * 6, [judgement(0, 0)] * 6
    assert critic_loss(real, fake) == 0
    assert adversarial_loss(fake) == 6
    assert critic_loss(fake, real) == 12


def test_feature_matching_is_the_distance_of_impressions() -> None:
    assert feature_matching_loss([judgement(0, 1.0)] * 3, [judgement(1, 1.5)] * 3) == pytest.approx(1.5)


def test_kl_is_that_of_the_distributions_on_average_and_blind_to_padding() -> None:
    torch.manual_seed(0)
    shape = (4, 2, 20000)
    posterior = Gaussian(torch.full(shape, 0.3), torch.full(shape, -0.5))
    prior = Gaussian(torch.full(shape, -0.2), torch.full(shape, 0.1))
    expected = kl_divergence(
        Normal(torch.tensor(0.3), torch.tensor(-0.5).exp()), Normal(torch.tensor(-0.2), torch.tensor(0.1).exp())
    )
    sample = posterior.sample()
    mask = torch.ones(4, 1, 20000)
    mask[:, :, 15000:] = 0
    sample[:, :, 15000:] = 1e6
    # One sample a frame: its two channels add up.
    assert kl_loss(sample, posterior, prior, mask) == pytest.approx(2 * float(expected), rel=0.02)


def test_subbands_that_are_equal_lose_nothing_and_silence_loses_a_whole_convergence() -> None:
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
