"""The light voice in a stream gives the samples of the whole recording, in steps of any number of frames."""

from __future__ import annotations

import pytest
import torch

from myna.config import Config
from myna.models.interface import Conditions, Sampling
from myna.models.noise import SeededNoise
from myna.models.synthesizers.light import LightSynthesizer
from myna.models.synthesizers.light_stream import LightStream

N_FRAMES = 120
SMALL = {"inter_channels": 16, "hidden_channels": 16, "gin_channels": 4, "ssl_dim": 8, "n_speakers": 3}


@pytest.fixture(scope="module", params=["myna-lite", "myna-live"])
def synthesizer(request: pytest.FixtureRequest) -> LightSynthesizer:
    """A small voice with random weights, in which every stage has an effect."""
    config = Config.template(request.param).with_values(model=SMALL)
    torch.manual_seed(0)
    light = LightSynthesizer(config.model, config.data).eval().requires_grad_(False)
    for parameter in light.parameters():
        if not parameter.any():
            parameter.normal_(std=0.3)
    return light


@pytest.fixture(scope="module")
def conditions() -> Conditions:
    """A changing mix, and a glide from 60 to 500 Hz: the phase is averaged over different numbers of spectra."""
    random = torch.Generator().manual_seed(1)
    speaker = torch.rand(1, 3, N_FRAMES, generator=random) + 0.1
    return Conditions(
        content=torch.randn(1, 8, N_FRAMES, generator=random),
        f0=torch.logspace(1.78, 2.7, N_FRAMES)[None],
        voiced=torch.rand(1, N_FRAMES, generator=random) > 0.2,
        speaker=speaker / speaker.sum(1, keepdim=True),
        loudness=-30 + 10 * torch.rand(1, N_FRAMES, generator=random),
    )


@pytest.mark.parametrize("step", [1, 2, 7, N_FRAMES])
def test_a_stream_equals_the_whole_recording(synthesizer: LightSynthesizer, conditions: Conditions, step: int) -> None:
    stream, parts = LightStream(synthesizer, SeededNoise.of(2)), []
    for start in range(0, N_FRAMES, step):
        parts.append(stream.push(Conditions(*(one[..., start : start + step] for one in conditions))))
        ready = stream.ready(torch.tensor(min(start + step, N_FRAMES)).numpy())
        assert sum(map(len, parts)) == ready
    result = torch.cat(parts)
    whole = synthesizer.generate(conditions, Sampling(SeededNoise.of(2), 0.0)).audio[0, 0]
    assert len(result) > len(whole) - 17000
    torch.testing.assert_close(result, whole[: len(result)], atol=2e-5, rtol=1e-4)
