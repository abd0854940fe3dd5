"""The whole synthesizer: gradients, shapes, determinism, and independence of padding and chunking."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_voices import GOLDEN, seeded_synthesizer
from torch import Tensor

from myna.config import Config
from myna.models.interface import Conditions, Generated, Sampling, TrainingInput
from myna.models.noise import SeededNoise, SilentNoise
from myna.models.synthesizers.vits import Vits

N_FRAMES = 24
SEGMENT_FRAMES = 8


def batch(config: Config, lengths: list[int], n_frames: int = N_FRAMES) -> TrainingInput:
    generator = torch.Generator().manual_seed(1)

    def padded(*shape: int) -> Tensor:
        values = torch.randn(len(lengths), *shape, N_FRAMES, generator=generator)
        for item, length in zip(values, lengths, strict=True):
            item[..., length:] = 0
        return values[..., :n_frames]

    return TrainingInput(
        Conditions(
            content=padded(config.model.content_channels),
            f0=200 * padded().exp() * (padded() != 0),
            voiced=(padded() > 0).float(),
            loudness=-20 + 5 * padded(),
            speaker=torch.arange(len(lengths)),
        ),
        spectrogram=padded(config.data.spectrogram_channels).abs(),
        lengths=torch.tensor(lengths),
    )


def generate(synthesizer: Vits, config: Config, seed: int, predict_f0: bool = False) -> Generated:
    conditions = batch(config, [N_FRAMES]).conditions
    return synthesizer.generate(conditions, Sampling(SeededNoise.of(seed), 0.4, predict_f0))


@pytest.mark.parametrize("folder", sorted(GOLDEN.glob("*/*/config.json")), ids=lambda path: path.parent.name)
def test_every_parameter_gets_a_gradient(folder: Path) -> None:
    config = Config.read(folder)
    synthesizer = seeded_synthesizer(config)
    output = synthesizer(batch(config, [N_FRAMES, 15]), SEGMENT_FRAMES, SeededNoise())
    assert output.latents is not None
    posterior, prior, in_prior, _ = output.latents
    tensors = [output.audio, *posterior, *prior, in_prior]
    tensors += [tensor for tensor in (output.subbands, output.f0_predicted) if tensor is not None]
    sum(tensor.square().mean() for tensor in tensors).backward()
    silent = [name for name, parameter in synthesizer.named_parameters() if parameter.grad is None]
    assert not silent
    assert all(parameter.grad.isfinite().all() for parameter in synthesizer.parameters())  # type: ignore[union-attr]


def test_training_output_has_the_documented_shapes(small_config: Config, small_synthesizer: Vits) -> None:
    output = small_synthesizer(batch(small_config, [N_FRAMES, 15]), SEGMENT_FRAMES, SeededNoise())
    latent = (2, small_config.model.latent_channels, N_FRAMES)
    assert output.audio.shape == (2, 1, SEGMENT_FRAMES * small_config.data.hop_length)
    assert output.latents is not None
    posterior, prior, in_prior, mask = output.latents
    assert in_prior.shape == prior.mean.shape == posterior.log_std.shape == latent
    assert mask.sum(dim=(1, 2)).tolist() == [N_FRAMES, 15]
    assert (output.segment_starts + SEGMENT_FRAMES <= torch.tensor([N_FRAMES, 15])).all()
    assert output.f0_predicted is not None and output.f0_target is not None
    assert output.f0_predicted.shape == output.f0_target.shape == (2, 1, N_FRAMES)


def test_a_multiband_voice_returns_its_subbands() -> None:
    config = Config.read(GOLDEN / "fork" / "quickvc-mb-istft" / "config.json")
    output = seeded_synthesizer(config)(batch(config, [N_FRAMES]), SEGMENT_FRAMES, SeededNoise())
    assert output.subbands is not None
    assert output.subbands.shape == (1, 4, output.audio.shape[2] // 4)


@pytest.mark.parametrize("name", ["4.1/vec256l9-vol", "4.1/transformer-flow"])
def test_padding_does_not_change_the_output(name: str) -> None:
    """A clip gives the same output alone and in a batch with a longer one."""
    config = Config.read(GOLDEN / name / "config.json")
    synthesizer = seeded_synthesizer(config).eval()
    together = synthesizer(batch(config, [15, N_FRAMES]), SEGMENT_FRAMES, SilentNoise())
    alone = batch(config, [15, N_FRAMES], n_frames=15)._replace(lengths=torch.tensor([15, 15]))
    apart = synthesizer(alone, SEGMENT_FRAMES, SilentNoise())
    assert together.latents is not None and apart.latents is not None
    for one, other in zip(
        (together.audio[:1], together.latents.prior.mean[:1, :, :15], together.latents.in_prior[:1, :, :15]),
        (apart.audio[:1], apart.latents.prior.mean[:1], apart.latents.in_prior[:1]),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    assert together.f0_predicted is not None and apart.f0_predicted is not None
    torch.testing.assert_close(together.f0_predicted[:1, :, :15], apart.f0_predicted[:1], rtol=1e-4, atol=1e-5)
    assert not together.f0_predicted[0, :, 15:].any()


def test_the_seed_determines_the_output(small_config: Config, small_synthesizer: Vits) -> None:
    small_synthesizer.eval()
    first, again, other = (generate(small_synthesizer, small_config, seed).audio for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_seed_determines_a_training_step(small_config: Config, small_synthesizer: Vits) -> None:
    small_synthesizer.eval()  # dropout uses the global generator
    first, again = (
        small_synthesizer(batch(small_config, [N_FRAMES]), SEGMENT_FRAMES, SeededNoise.of(3)) for _ in range(2)
    )
    assert torch.equal(first.audio, again.audio)
    assert torch.equal(first.segment_starts, again.segment_starts)


@pytest.mark.parametrize("folder", sorted(GOLDEN.glob("*/*/config.json")), ids=lambda path: path.parent.name)
def test_fusing_does_not_change_the_output(folder: Path) -> None:
    config = Config.read(folder)
    synthesizer = seeded_synthesizer(config).eval()
    before = generate(synthesizer, config, seed=1).audio
    synthesizer.fuse()
    torch.testing.assert_close(generate(synthesizer, config, seed=1).audio, before, rtol=0, atol=1e-5)
    assert not any("parametrizations" in name for name in synthesizer.state_dict())
    with pytest.raises(ValueError, match="built for conversion"):
        synthesizer(batch(config, [N_FRAMES]), SEGMENT_FRAMES, SeededNoise())


@pytest.mark.parametrize("name", ["4.1/vec256l9-vol", "4.1/nsf-snake-hifigan-vol", "fork/quickvc"])
def test_decoding_in_pieces_equals_decoding_at_once(name: str) -> None:
    config = Config.read(GOLDEN / name / "config.json")
    synthesizer = seeded_synthesizer(config).eval()
    at_once = generate(synthesizer, config, seed=1).audio
    synthesizer.decoder.backbone.piece_frames = 5
    torch.testing.assert_close(generate(synthesizer, config, seed=1).audio, at_once, rtol=0, atol=2e-6)


def test_frames_become_hops_of_samples(small_config: Config, small_synthesizer: Vits) -> None:
    sung = generate(small_synthesizer.eval(), small_config, seed=1, predict_f0=True)
    assert sung.audio.shape == (1, 1, N_FRAMES * small_config.data.hop_length)
    assert sung.f0.shape == (1, N_FRAMES)


def test_missing_loudness_is_an_error_for_voices_that_use_it(small_config: Config, small_synthesizer: Vits) -> None:
    given = batch(small_config, [N_FRAMES])
    with pytest.raises(ValueError, match="loudness"):
        small_synthesizer.generate(given.conditions._replace(loudness=None), Sampling(SilentNoise(), 0))


def test_trains_in_half_precision(small_config: Config, small_synthesizer: Vits) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        output = small_synthesizer(batch(small_config, [N_FRAMES, 15]), SEGMENT_FRAMES, SeededNoise())
    output.audio.float().square().mean().backward()
    assert output.audio.isfinite().all()
