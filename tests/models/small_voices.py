"""Small voices from the golden files, whose configurations are complete except for their size."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from myna.config import Config
from myna.models.interface import Conditions, Generated, NoiseSource, Sampling, Synthesizer
from myna.models.noise import SilentNoise
from myna.models.synthesizers.vits import Vits

GOLDEN = Path(__file__).parents[1] / "golden"
EXPORTED = GOLDEN / "fork" / "quickvc"  # a multi-stream decoder with an f0 predictor; see the fixture `exported`


def seeded_synthesizer(config: Config) -> Vits:
    """Synthesizer with random weights, also where training starts from zeros (the flow is not the identity)."""
    torch.manual_seed(0)
    synthesizer = Vits(config.model, config.data)
    with torch.no_grad():
        for parameter in synthesizer.parameters():
            if not parameter.any():
                parameter.normal_(std=0.1)
    return synthesizer


def agreement_db(audio: Tensor, other: Tensor) -> float:
    """Level of `audio`, without its mean, above the difference of the two signals; the output bias is in the mean."""
    audio, other = audio - audio.mean(), other - other.mean()
    return float(10 * torch.log10(audio.square().sum() / (audio - other).square().sum()))


def generate(
    synthesizer: Synthesizer,
    content: Tensor,
    f0: Tensor,
    voiced: Tensor,
    speaker: Tensor,
    loudness: Tensor | None = None,
    *,
    noise_scale: float = 0.0,
    predict_f0: bool = False,
    noise: NoiseSource | None = None,
) -> Generated:
    """Generate, by default without noise anywhere."""
    sampling = Sampling(noise or SilentNoise(), noise_scale, predict_f0)
    return synthesizer.generate(Conditions(content, f0, voiced, speaker, loudness), sampling)
