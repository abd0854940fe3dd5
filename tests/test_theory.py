"""The formulas of docs/theory.md, computed as they are written there, give the numbers of the code that it names."""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from myna.models.diffusion import schedulers
from myna.models.diffusion.gaussian import GaussianDiffusion
from myna.models.diffusion.noise_schedule import NoiseSchedule
from myna.models.diffusion.rectified_flow import RectifiedFlow
from myna.models.interface import Conditions, NoiseName
from myna.models.layers.harmonic_source import HarmonicSource
from myna.models.layers.spectral_filter import minimum_phase
from myna.models.noise import GivenNoise, SeededNoise
from myna.models.sizes import RefinerSizes

THEORY = (Path(__file__).parents[1] / "docs" / "theory.md").read_text(encoding="utf-8")
SCHEDULE = NoiseSchedule(n_levels=1000, highest_beta=0.02)
SIZES = RefinerSizes(
    content_channels=4, condition_channels=8, n_speakers=1, key_shift=False, n_mels=6, channels=8, n_layers=2
)


def test_the_functions_that_the_theory_names_exist() -> None:
    named = re.findall(r"`([\w.]+)` in `([\w/]+\.py)`", THEORY)
    assert len(named) > 40
    for name, path in named:
        owner: object = importlib.import_module("myna." + path.removesuffix(".py").replace("/", "."))
        for part in name.split("."):
            owner = getattr(owner, part)
        assert callable(owner), f"{name} in {path}"


def test_the_levels_in_the_table_are_those_of_the_diffusion() -> None:
    rows = re.findall(r"^\| (\d+) \| ([\d.]+) \| ([\d.]+) \| (-?[\d.]+) \|$", THEORY, re.M)
    assert len(rows) == 5
    for k_step, *written in rows:
        alpha, sigma = alpha_sigma(float(k_step) - 1)
        assert written == [f"{alpha:.3f}", f"{sigma:.3f}", f"{20 * np.log10(alpha / sigma):.1f}"]


def test_the_excitation() -> None:
    torch.manual_seed(0)
    source = HarmonicSource(sample_rate=44100).double()
    torch.nn.init.normal_(source.mix.weight)
    torch.nn.init.constant_(source.mix.bias, 0.03)
    frames = torch.tensor([[220.0, 221.0, 0.0, 0.0, 300.0]], dtype=torch.float64)
    noise, theta = torch.randn(1, 5 * 512).double(), torch.rand(1, 9).double()

    f0, theta[:, 0] = frames.repeat_interleave(512, 1)[0], 0
    v, k, w = (f0 > 0).double(), torch.arange(1, 10)[:, None], source.mix.weight[0]
    phi = (k * f0 / 44100).cumsum(1) + theta.T
    eta = 0.003 * v + 0.1 / 3 * (1 - v)
    sines = (w[:, None] * torch.sin(2 * math.pi * phi)).sum(0)
    expected = torch.tanh(0.1 * v * sines + eta * w.norm() * noise[0] + 0.03)

    given = GivenNoise({"starting_phases": theta, "source_noise": noise})
    assert (source(frames, 512, given)[0, 0] - expected).abs().max() < 1e-9


def test_the_loss_of_a_diffusion() -> None:
    mel, mask, conditions, given = clips()
    diffusion = trained_a_little(GaussianDiffusion(SIZES))
    loss = diffusion(conditions, mel, mask, given)

    noise, k = given["mel_noise"], (given["noise_levels"] * 1000).long()
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    alpha = (1 - betas).sqrt().cumprod(0)[k].float()[:, None, None]
    noisy = alpha * ((mel + 12) / 7 - 1) + (1 - alpha**2).sqrt() * noise
    error = (diffusion.denoiser(noisy, k.float(), diffusion.conditioning(conditions)) - noise) ** 2
    torch.testing.assert_close(loss, (mask * error).sum() / (6 * mask.sum()))


def test_the_loss_of_a_rectified_flow() -> None:
    mel, mask, conditions, given = clips()
    flow = trained_a_little(RectifiedFlow(SIZES))
    loss = flow(conditions, mel, mask, given)

    noise, t, x_0 = given["mel_noise"], given["noise_levels"][:, None, None], (mel + 12) / 7 - 1
    density = torch.exp(-0.5 * torch.log(t / (1 - t)) ** 2) / (math.sqrt(2 * math.pi) * t * (1 - t))
    x_t, velocity = (1 - t) * noise + t * x_0, x_0 - noise
    predicted = flow.denoiser(x_t, 1000 * t.flatten(), flow.conditioning(conditions))
    torch.testing.assert_close(loss, (mask * density * (predicted - velocity) ** 2).sum() / (6 * mask.sum()))


def test_the_step_of_ddim() -> None:
    x = torch.randn(1, 6, 7, generator=torch.Generator().manual_seed(0))
    solved = schedulers.solve("ddim", SCHEDULE, x, 101, 50, lambda at, level: torch.sin(3 * at))
    for k, j in ((100.0, 50.0), (50.0, 0.0)):
        (alpha_k, sigma_k), (alpha_j, sigma_j), epsilon = alpha_sigma(k), alpha_sigma(j), torch.sin(3 * x)
        x = alpha_j * (x - sigma_k * epsilon) / alpha_k + sigma_j * epsilon
    torch.testing.assert_close(solved, x, rtol=0, atol=1e-5)


def test_the_response_of_the_minimum_phase_filter_is_after_the_pulse() -> None:
    share = torch.linspace(0, 1, 513, dtype=torch.float64)
    log_gains = -3 * share + torch.cos(20 * share) + 0.5 * torch.cos(7 * share)
    transfer = torch.polar(log_gains.exp(), minimum_phase(log_gains[None, :, None])[0, :, 0])
    energy = torch.fft.irfft(transfer) ** 2
    assert energy[:512].sum() > 0.999999 * energy.sum()  # the upper half stands for negative times


class Given(dict[str, Tensor]):
    """Random numbers that a model drew, by name."""

    def normal(self, name: NoiseName, shape: Sequence[int], like: Tensor) -> Tensor:
        return self.setdefault(name, SeededNoise.of(1).normal(name, shape, like))

    def uniform(self, name: NoiseName, shape: Sequence[int], like: Tensor) -> Tensor:
        return self.setdefault(name, SeededNoise.of(2).uniform(name, shape, like))


def clips() -> tuple[Tensor, Tensor, Conditions, Given]:
    """Two clips of 7 and 4 frames: mel spectrograms, mask, conditions, and a source of noise that is still empty."""
    torch.manual_seed(0)
    mask = torch.ones(2, 1, 7)
    mask[1, :, 4:] = 0
    conditions = Conditions(
        content=torch.randn(2, 4, 7),
        f0=torch.full((2, 7), 200.0),
        voiced=torch.ones(2, 7, dtype=torch.bool),
        speaker=torch.zeros(2, dtype=torch.long),
        loudness=torch.full((2, 7), -20.0),
    )
    return torch.randn(2, 6, 7) - 5, mask, conditions, Given()


Refiner = TypeVar("Refiner", GaussianDiffusion, RectifiedFlow)


def trained_a_little(refiner: Refiner) -> Refiner:
    """Give the last layer random weights; an untrained refiner predicts zeros."""
    torch.nn.init.normal_(refiner.denoiser.output_conv.weight)
    return refiner


def alpha_sigma(level: float) -> tuple[float, float]:
    levels = np.array([level])
    return float(SCHEDULE.alpha_at(levels)[0]), float(SCHEDULE.sigma_at(levels)[0])
