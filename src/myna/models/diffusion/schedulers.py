"""Solvers that remove the noise of a diffusion: schedulers of diffusers, set to compute as so-vits-svc 4.1.

so-vits-svc 4.1 has its own solvers. The mathematics is the same; the defaults of diffusers differ in these points:

* Levels. DPM-Solver and UniPC of 4.1 divide the levels from k_step - 1 to 0 into equal steps, whose levels are not
  whole numbers. The schedulers round them, and two steps can fall on one level. Therefore a scheduler receives a
  schedule that consists of only the levels of the steps (`NoiseSchedule.betas_between`), and each of its time steps is
  one level.
* The start. DDIM and PNDM of 4.1 begin at the highest multiple of the speedup below k_step, although the noise has
  level k_step - 1. This is reproduced.
* The end. 4.1 stops at level 0, where alpha is 0.99995, not at the clean mel spectrogram. The schedulers do the same
  with `set_alpha_to_one=False` or `final_sigmas_type="sigma_min"`.
* The last step of DDIM and PNDM in 4.1 goes from level 0 to level 0. It changes nothing, and is left out here.
* Order. 4.1 solves at order 2 with a multistep method. Its DPM-Solver takes the last step at order 1 if there are fewer
  than 10 steps, the scheduler if there are fewer than 15. `lower_order_final` selects 4.1's limit.
* Range. Two schedulers clip the mel spectrogram to [-1, 1] by default; 4.1 does not.

What remains are differences of rounding, 1e-5 in the mel spectrogram. With speedup 1, 4.1 ignores the solver and takes
a random step at each level (Ho et al. 2020); here the solver takes one step per level.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from myna.config import RefinementMethod
from myna.errors import MissingExtraError
from myna.models.diffusion.noise_schedule import Levels, NoiseSchedule

_ORDER = 2
_FEW_STEPS = 10  # number of steps below which 4.1's DPM-Solver takes the last one at order 1


class Solver(NamedTuple):
    """A solver from the package diffusers, and the noise levels at which so-vits-svc 4.1 begins and ends its steps."""

    levels: Callable[[int, int], Levels]  # (k_step, speedup) -> ascending levels from 0
    build: Callable[[list[float], int], Any]  # (betas, number of steps) -> a scheduler that is ready to step


def solve(
    method: RefinementMethod,
    schedule: NoiseSchedule,
    noisy: Tensor,
    k_step: int,
    speedup: int,
    predict_noise: Callable[[Tensor, float], Tensor],
) -> Tensor:
    """Remove the noise of a mel spectrogram from level `k_step - 1` to level 0.

    Args:
        noisy: mel spectrogram on the scale of `mel_scale`, (B, n_mels, T).
        speedup: levels per step.
        predict_noise: predicts the noise in a mel spectrogram at a level.

    Returns:
        The mel spectrogram at level 0, (B, n_mels, T).

    Raises:
        MissingExtraError: diffusers is not installed.
    """
    solver = SOLVERS[method]
    levels = solver.levels(k_step, speedup)
    n_steps = len(levels) - 1
    if not n_steps:
        return noisy
    try:
        with warnings.catch_warnings():
            # diffusers announces that it will remove DPM-Solver, and calls numpy in a way that numpy announces to
            # change.
            for category in (FutureWarning, DeprecationWarning):
                warnings.simplefilter("ignore", category)
            scheduler = solver.build(schedule.betas_between(levels).tolist(), n_steps)
    except ImportError as error:
        raise MissingExtraError("diffusion", "diffusion") from error
    for index in scheduler.timesteps.tolist():
        if index > 0:
            noisy = scheduler.step(predict_noise(noisy, float(levels[index])), index, noisy).prev_sample
    return noisy


def _strided(k_step: int, speedup: int) -> Levels:
    return np.arange(0, k_step, speedup, dtype=np.float64)


def _equal(k_step: int, speedup: int) -> Levels:
    n_steps = min(max(k_step // speedup, 1), k_step - 1)
    return np.linspace(0, k_step - 1, n_steps + 1)


def _ddim(betas: list[float], n_steps: int) -> Any:
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    scheduler = DDIMScheduler(len(betas), trained_betas=betas, clip_sample=False, set_alpha_to_one=False)
    scheduler.set_timesteps(len(betas))
    return scheduler


def _pndm(betas: list[float], n_steps: int) -> Any:
    from diffusers.schedulers.scheduling_pndm import PNDMScheduler

    scheduler = PNDMScheduler(len(betas), trained_betas=betas, skip_prk_steps=True, set_alpha_to_one=False)
    scheduler.set_timesteps(len(betas))
    return scheduler


def _dpm_solver(betas: list[float], n_steps: int, algorithm_type: str) -> Any:
    from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler

    scheduler = DPMSolverMultistepScheduler(
        len(betas),
        trained_betas=betas,
        algorithm_type=algorithm_type,
        solver_order=_ORDER,
        lower_order_final=n_steps < _FEW_STEPS,
        final_sigmas_type="sigma_min",
    )
    scheduler.set_timesteps(n_steps)
    return scheduler


def _unipc(betas: list[float], n_steps: int) -> Any:
    from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler

    scheduler = UniPCMultistepScheduler(
        len(betas), trained_betas=betas, solver_order=_ORDER, solver_type="bh2", final_sigmas_type="sigma_min"
    )
    scheduler.set_timesteps(n_steps)
    return scheduler


SOLVERS: dict[RefinementMethod, Solver] = {
    "ddim": Solver(_strided, _ddim),
    "pndm": Solver(_strided, _pndm),
    "dpm-solver": Solver(_equal, lambda betas, n_steps: _dpm_solver(betas, n_steps, "dpmsolver")),
    "dpm-solver++": Solver(_equal, lambda betas, n_steps: _dpm_solver(betas, n_steps, "dpmsolver++")),
    "unipc": Solver(_equal, _unipc),
}
