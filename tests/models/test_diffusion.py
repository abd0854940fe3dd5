"""Diffusion and rectified flow: outputs of so-vits-svc 4.1, and facts of the mathematics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from small_voices import GOLDEN
from torch import Tensor

from myna.config import RefinementMethod
from myna.models.diffusion import rectified_flow, schedulers
from myna.models.diffusion.gaussian import GaussianDiffusion
from myna.models.diffusion.mel_scale import scaled
from myna.models.diffusion.noise_schedule import NoiseSchedule
from myna.models.diffusion.rectified_flow import RectifiedFlow, integrate
from myna.models.interface import Conditions, RefinerSampling
from myna.models.noise import GivenNoise, SeededNoise
from myna.zoo.diffusion import open_refiner

SCHEDULE = NoiseSchedule(1000, 0.02)
METHODS = list(schedulers.SOLVERS)


@pytest.fixture(scope="module")
def golden() -> Mapping[str, Tensor]:
    with np.load(GOLDEN / "diffusion" / "golden.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays}


@pytest.fixture(scope="module")
def diffusion() -> GaussianDiffusion:
    module = open_refiner(GOLDEN / "diffusion" / "model_1.pt").build()
    assert isinstance(module, GaussianDiffusion)
    return module


@pytest.fixture(scope="module")
def flow(diffusion: GaussianDiffusion) -> RectifiedFlow:
    """A flow whose velocities are small and random."""
    module = RectifiedFlow(diffusion.sizes).eval()
    module.load_state_dict(diffusion.state_dict())
    return module


@pytest.fixture(scope="module")
def conditions(golden: Mapping[str, Tensor]) -> Conditions:
    f0 = golden["f0"][..., 0]
    # In double precision, so that conversion to dB and back restores the amplitude.
    loudness = 20 * golden["volume"][..., 0].double().log10()
    return Conditions(golden["units"].mT, f0, f0 > 0, golden["speaker"][:, 0], loudness)


@torch.inference_mode()
def test_the_denoiser_is_that_of_so_vits_svc(diffusion: GaussianDiffusion, golden: Mapping[str, Tensor]) -> None:
    predicted = diffusion.denoiser(golden["eps_x"][:, 0], golden["eps_t"], golden["eps_cond"])
    assert (predicted - golden["eps"][:, 0]).abs().max() < 1e-6


@pytest.mark.parametrize("method", METHODS)
def test_the_refined_mel_is_that_of_so_vits_svc(
    method: RefinementMethod, diffusion: GaussianDiffusion, golden: Mapping[str, Tensor], conditions: Conditions
) -> None:
    # Solvers of so-vits-svc 4.1 and schedulers of diffusers differ only by rounding; see `models.diffusion.schedulers`.
    sampling = RefinerSampling(GivenNoise({"mel_noise": golden["noise"]}), k_step=100, speedup=10, method=method)
    refined = diffusion.refine(conditions, golden["mel"].mT, sampling)
    assert (refined.mT - golden[f"mel_{method}"]).abs().max() < 1e-4


def test_every_method_belongs_to_one_kind() -> None:
    assert {*METHODS, *rectified_flow.STEPS} == set(get_args(RefinementMethod))
    assert not METHODS & rectified_flow.STEPS.keys()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("k_step", "speedup"), [(1, 10), (2, 1), (5, 10), (105, 10), (20, 1), (1000, 100)])
def test_a_denoiser_that_knows_the_noise_restores_the_mel(method: RefinementMethod, k_step: int, speedup: int) -> None:
    torch.manual_seed(0)
    mel, noise = torch.rand(1, 8, 20) * 2 - 1, torch.randn(1, 8, 20)
    levels = np.array([k_step - 1.0])
    noisy = float(SCHEDULE.alpha_at(levels)[0]) * mel + float(SCHEDULE.sigma_at(levels)[0]) * noise
    start = schedulers.SOLVERS[method].levels(k_step, speedup)[-1]
    if start < k_step - 1:  # DDIM and PNDM of so-vits-svc 4.1 begin at a lower level than that of the noise
        at = np.array([start])
        noisy = float(SCHEDULE.alpha_at(at)[0]) * mel + float(SCHEDULE.sigma_at(at)[0]) * noise

    def oracle(at: Tensor, level: float) -> Tensor:
        return noise

    restored = schedulers.solve(method, SCHEDULE, noisy, k_step, speedup, oracle)
    lowest = np.array([0.0])
    expected = float(SCHEDULE.alpha_at(lowest)[0]) * mel + float(SCHEDULE.sigma_at(lowest)[0]) * noise
    assert (restored - expected).abs().max() < 2e-3


def test_the_levels_go_from_almost_clean_to_almost_noise() -> None:
    ends = np.array([0.0, 999.0])
    assert SCHEDULE.sigma_at(ends) == pytest.approx([0.01, 1.0], abs=1e-3)
    assert SCHEDULE.alpha_at(ends) == pytest.approx([1.0, 0.0], abs=1e-2)


@pytest.mark.parametrize("kind", ["diffusion", "flow"])
def test_k_step_0_changes_nothing(kind: str, conditions: Conditions, request: pytest.FixtureRequest) -> None:
    refiner = request.getfixturevalue(kind)
    mel = torch.rand(1, 128, 40)
    assert refiner.refine(conditions, mel, RefinerSampling(SeededNoise.of(0), k_step=0)) is mel


@pytest.mark.parametrize("kind", ["diffusion", "flow"])
def test_the_same_seed_gives_the_same_mel(
    kind: str, conditions: Conditions, golden: Mapping[str, Tensor], request: pytest.FixtureRequest
) -> None:
    refiner = request.getfixturevalue(kind)
    once, again, other = (
        refiner.refine(conditions, golden["mel"].mT, RefinerSampling(SeededNoise.of(seed), k_step=30))
        for seed in (1, 1, 2)
    )
    assert torch.equal(once, again)
    assert not torch.equal(once, other)


@pytest.mark.parametrize(
    ("sampling", "with_mel", "message"),
    [
        ({"k_step": 301}, True, "k_step must be between 0 and 300 for this refiner; got 301"),
        ({"k_step": 100}, False, "trained up to k_step 300 of 1000: it cannot start from noise alone"),
        ({"k_step": 100, "method": "euler"}, True, "a diffusion has no solver 'euler'"),
    ],
)
def test_what_a_refiner_cannot_do(
    sampling: dict[str, int], with_mel: bool, message: str, diffusion: GaussianDiffusion, conditions: Conditions
) -> None:
    mel = torch.zeros(1, 128, 40) if with_mel else None
    with pytest.raises(ValueError, match=message):
        diffusion.refine(conditions, mel, RefinerSampling(SeededNoise.of(0), **sampling))  # type: ignore[arg-type]


def test_noise_alone_is_a_start_for_a_model_of_all_levels(diffusion: GaussianDiffusion, conditions: Conditions) -> None:
    full = GaussianDiffusion(replace(diffusion.sizes, max_k_step=1000)).eval()
    full.load_state_dict(diffusion.state_dict())
    refined = full.refine(conditions, None, RefinerSampling(SeededNoise.of(0), k_step=0, speedup=200))
    assert refined.shape == (1, 128, 40)
    assert refined.isfinite().all()


@pytest.mark.parametrize("method", list(rectified_flow.STEPS))
@pytest.mark.parametrize("n_steps", [1, 3])
def test_a_straight_flow_is_exact_in_one_step(method: RefinementMethod, n_steps: int) -> None:
    noise, mel = torch.randn(1, 8, 20), torch.rand(1, 8, 20)
    at = 0.7 * mel + 0.3 * noise
    torch.testing.assert_close(integrate(method, lambda x, time: mel - noise, at, 0.7, n_steps), mel)


def test_heun_is_more_exact_than_euler_for_twice_its_steps() -> None:
    # dx/dt = x from 0 to 1 gives e.
    errors = [
        abs(float(integrate(method, lambda x, time: x, torch.ones(1).double(), 0.0, n_steps)) - np.e)
        for method, n_steps in (("heun", 4), ("euler", 8))  # type: ignore[attr-defined]
    ]
    assert errors[0] < errors[1] / 3


def test_a_flow_starts_from_the_mel_at_its_time(flow: RectifiedFlow, conditions: Conditions) -> None:
    still = RectifiedFlow(flow.sizes).eval()  # an untrained flow has no velocity
    mel, noise = torch.rand(1, 128, 40) - 6, torch.randn(1, 128, 40)
    with torch.no_grad():
        still.denoiser.output_conv.bias.zero_()
    refined = still.refine(conditions, mel, RefinerSampling(GivenNoise({"mel_noise": noise}), k_step=300))
    torch.testing.assert_close(scaled(refined), 0.7 * scaled(mel) + 0.3 * noise, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [GaussianDiffusion, RectifiedFlow])
def test_training_lowers_the_loss(
    kind: type[GaussianDiffusion] | type[RectifiedFlow],
    diffusion: GaussianDiffusion,
    conditions: Conditions,
    golden: Mapping[str, Tensor],
) -> None:
    torch.manual_seed(0)
    refiner, mask = kind(diffusion.sizes), torch.ones(1, 1, 40)
    optimizer = torch.optim.AdamW(refiner.parameters(), lr=1e-2)

    def loss() -> Tensor:
        # The same levels and noise in every step, so that the losses can be compared.
        found: Tensor = refiner(conditions, golden["mel"].mT, mask, SeededNoise.of(3), torch.tensor([2.0]))
        return found

    first = loss().item()
    for _ in range(30):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    assert loss().item() < 0.8 * first


def test_padding_does_not_change_the_loss(
    diffusion: GaussianDiffusion, conditions: Conditions, golden: Mapping[str, Tensor]
) -> None:
    mask = torch.ones(1, 1, 40)
    mask[..., 30:] = 0
    noise = GivenNoise({"mel_noise": golden["noise"], "noise_levels": torch.tensor([0.1])})
    mel = golden["mel"].mT.clone()
    with torch.no_grad():
        # The denoiser of three layers does not see further than three frames.
        whole = float(diffusion(conditions, mel, mask, noise))
        mel[..., 34:] = 0
        assert float(diffusion(conditions, mel, mask, noise)) == pytest.approx(whole, rel=1e-6)
