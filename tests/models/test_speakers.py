"""Mixes of speakers, constant and changing over time."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from small_voices import GOLDEN, generate, seeded_synthesizer
from torch import Tensor

from myna.config import Config
from myna.models.interface import Generated
from myna.models.layers.speakers import embed_speaker
from myna.models.noise import SeededNoise
from myna.models.synthesizers.light import LightSynthesizer
from myna.models.synthesizers.vits import Vits

N_FRAMES = 60
VOICES = [
    *("4.1/vec256l9-vol", "4.1/transformer-flow", "4.1/tiny-shared-flow-depthwise", "4.1/nsf-snake-hifigan-vol"),
    *("fork/quickvc", "fork/quickvc-mb-istft", "light"),
]


def voice_named(name: str) -> tuple[Vits | LightSynthesizer, Config]:
    """Voice with random weights, so that its speakers differ in every layer."""
    if name != "light":
        config = Config.read(GOLDEN / name / "config.json")
        synthesizer = seeded_synthesizer(config).eval()
        torch.nn.init.normal_(synthesizer.speaker_embedding.weight, std=20)
        return synthesizer, config
    small = {"inter_channels": 16, "hidden_channels": 24, "n_layers": 2, "n_fine_layers": 2, "gin_channels": 4}
    config = Config.template("myna-lite").with_values(model=small | {"ssl_dim": 8, "n_speakers": 3})
    torch.manual_seed(0)
    light = LightSynthesizer(config.model, config.data).eval()
    with torch.no_grad():
        for parameter in light.parameters():
            if not parameter.any():
                parameter.normal_(std=0.1)
        torch.nn.init.normal_(light.decoder.head.weight, std=0.2)
    return light, config


def sing(voice: Vits | LightSynthesizer, config: Config, speaker: Tensor, **how: Any) -> Generated:
    random = torch.Generator().manual_seed(4)
    return generate(
        voice,
        torch.randn(1, config.model.content_channels, N_FRAMES, generator=random),
        torch.full((1, N_FRAMES), 220.0),
        torch.ones(1, N_FRAMES, dtype=torch.bool),
        speaker,
        torch.full((1, N_FRAMES), -20.0),
        noise=SeededNoise.of(1),
        **{"noise_scale": 0.4} | how,
    )


def shares(config: Config, *rows: list[float]) -> Tensor:
    """(1, n_speakers, T), with one row for each of the first speakers."""
    given = torch.zeros(1, config.model.n_speakers, len(rows[0]))
    given[0, : len(rows)] = torch.tensor(rows)
    return given


def test_a_mix_lies_between_its_speakers() -> None:
    embedding = torch.nn.Embedding(3, 5)
    rows = embedding.weight.detach()
    assert torch.equal(embed_speaker(embedding, torch.tensor([2, 0])), rows[[2, 0]].unsqueeze(2))
    mixed = embed_speaker(embedding, torch.tensor([[[0.25, 1.0], [0.0, 0.0], [0.75, 0.0]]]))
    torch.testing.assert_close(mixed[0, :, 0], 0.25 * rows[0] + 0.75 * rows[2])
    torch.testing.assert_close(mixed[0, :, 1], rows[0])


@pytest.mark.parametrize("name", VOICES)
@pytest.mark.parametrize("n_frames", [1, N_FRAMES])
def test_a_mix_of_one_speaker_equals_that_speaker(name: str, n_frames: int) -> None:
    voice, config = voice_named(name)
    mix = shares(config, [0.0] * n_frames, [1.0] * n_frames)
    alone = sing(voice, config, torch.tensor([1])).audio
    torch.testing.assert_close(sing(voice, config, mix).audio, alone, rtol=0, atol=2e-6)
    assert not torch.allclose(alone, sing(voice, config, torch.tensor([0])).audio, rtol=0, atol=1e-5)


@pytest.mark.parametrize("n_frames", [1, N_FRAMES])
def test_a_mix_of_one_speaker_has_the_pitch_of_that_speaker(n_frames: int) -> None:
    voice, config = voice_named("4.1/vec256l9-vol")
    mix = shares(config, [0.0] * n_frames, [1.0] * n_frames)
    alone, mixed, other = (
        sing(voice, config, speaker, predict_f0=True).f0 for speaker in (torch.tensor([1]), mix, torch.tensor([0]))
    )
    torch.testing.assert_close(mixed, alone, rtol=1e-4, atol=1e-2)
    assert not torch.allclose(alone, other, rtol=0.05)


@pytest.mark.parametrize("name", VOICES)
def test_a_constant_timeline_equals_a_constant_mix(name: str) -> None:
    voice, config = voice_named(name)
    once = sing(voice, config, shares(config, [0.3], [0.7])).audio
    throughout = sing(voice, config, shares(config, [0.3] * N_FRAMES, [0.7] * N_FRAMES)).audio
    torch.testing.assert_close(throughout, once, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in VOICES if name != "4.1/transformer-flow"])
def test_far_from_a_change_only_one_speaker_has_an_effect(name: str) -> None:
    """A change affects only nearby frames, except in a causal transformer, which has unlimited memory."""
    voice, config = voice_named(name)
    n_first = N_FRAMES // 2
    first = [1.0] * n_first + [0.0] * (N_FRAMES - n_first)
    changing = sing(voice, config, shares(config, first, [1 - share for share in first]), noise_scale=0).audio
    one, other = (sing(voice, config, torch.tensor([row]), noise_scale=0).audio for row in (0, 1))

    def apart(sung: Tensor, frame: int) -> float:
        hop = config.data.hop_length
        return float((changing - sung)[..., frame * hop : (frame + 1) * hop].abs().max())

    assert apart(one, 0) < 0.02 * apart(other, 0)
    assert apart(other, N_FRAMES - 1) < 0.02 * apart(one, N_FRAMES - 1)


@pytest.mark.parametrize("name", VOICES)
def test_a_changing_mix_in_pieces_equals_the_whole(name: str) -> None:
    voice, config = voice_named(name)
    rising = torch.linspace(0, 1, N_FRAMES).tolist()
    mix = shares(config, rising, [1 - share for share in rising])
    whole = sing(voice, config, mix).audio
    for n_frames in (5, 7):
        for part in voice.modules():
            if hasattr(part, "piece_frames"):
                part.piece_frames = n_frames
        torch.testing.assert_close(sing(voice, config, mix).audio, whole, rtol=1e-4, atol=1e-5)


def test_a_mix_has_the_lowest_bandwidth_of_its_speakers() -> None:
    voice, config = voice_named("light")
    assert isinstance(voice, LightSynthesizer)
    voice.highest_hz[:] = torch.tensor([22050.0, 8000.0, 4000.0])

    def share_above(speaker: Tensor, hz: float) -> float:
        sung = sing(voice, config, speaker).audio[0, 0]
        power = torch.fft.rfft(sung * torch.hann_window(len(sung))).abs().square()
        return float(power[torch.fft.rfftfreq(len(sung), 1 / 44100) > hz].sum() / power.sum())

    assert share_above(shares(config, [0.9], [0.1], [0.0]), 8200) < 1e-5 < share_above(torch.tensor([0]), 8200)
    assert share_above(shares(config, [0.9], [0.1], [0.0]), 4200) > 1e-3
    assert (
        share_above(shares(config, [1.0, 0.5], [0.0, 0.0], [0.0, 0.5]).repeat_interleave(N_FRAMES // 2, 2), 4200) < 1e-5
    )
