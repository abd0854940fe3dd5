"""Outputs of RVC voices equal the reference implementation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from small_voices import GOLDEN, generate
from torch import Tensor

from myna.models.interface import SynthesizerModule
from myna.models.noise import SeededNoise
from myna.zoo import rvc

FILES = sorted((GOLDEN / "rvc").glob("*.pth"))
TOLERANCE = 1e-4


def load(path: Path) -> tuple[SynthesizerModule, dict[str, Tensor]]:
    """A small voice and its recorded arrays."""
    content = torch.load(path, weights_only=True)
    weights = content.pop("model", None) or content.pop("weight")
    config, _ = rvc.config_from(weights, content)
    with np.load(path.with_suffix(".npz")) as arrays:
        golden = {name: torch.from_numpy(arrays[name]) for name in arrays}
    golden["content"] = golden["content"].float()
    return rvc.build(weights, config).eval(), golden


def inputs(golden: dict[str, Tensor]) -> tuple[Tensor, ...]:
    return golden["content"], golden["f0"], golden["uv"] > 0, golden["speaker"]


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_output_equals_the_reference(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synthesizer, golden = load(path)
    generated = generate(synthesizer, *inputs(golden), noise_scale=0)
    assert generated.audio.shape == golden["audio"].shape
    assert (generated.audio - golden["audio"]).abs().max() < TOLERANCE
    assert torch.equal(generated.f0, golden["f0"])
    synthesizer.fuse()
    fused = generate(synthesizer, *inputs(golden), noise_scale=0).audio
    assert (fused - golden["audio"]).abs().max() < TOLERANCE


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_pitch_in_unvoiced_frames_has_no_effect(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synthesizer, golden = load(path)
    content, f0, voiced, speaker = inputs(golden)
    audio = generate(synthesizer, content, f0, voiced, speaker, noise_scale=0).audio
    gaps = torch.where(voiced, f0, 500.0)
    assert torch.equal(generate(synthesizer, content, gaps, voiced, speaker, noise_scale=0).audio, audio)
    follows = not path.stem.endswith("-nono")
    higher = generate(synthesizer, content, 2 * f0, voiced, speaker, noise_scale=0).audio
    assert torch.equal(higher, audio) is not follows


@pytest.mark.parametrize("name", ["v1-48k", "v2-32k-nono"])
def test_generating_in_pieces_equals_generating_at_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    synthesizer, golden = load(GOLDEN / "rvc" / f"{name}.pth")
    content, f0, voiced, speaker = inputs(golden)
    song = (content.repeat(1, 1, 6), f0.repeat(1, 6), voiced.repeat(1, 6), speaker)
    pieces = generate(synthesizer, *song, noise_scale=0).audio
    synthesizer.decoder.backbone.piece_frames = 1000
    whole = generate(synthesizer, *song, noise_scale=0).audio
    assert (pieces - whole).abs().max() < 1e-5


def test_the_seed_determines_the_output_and_speakers_can_be_mixed() -> None:
    synthesizer, golden = load(GOLDEN / "rvc" / "v1-48k.pth")

    def sing(speaker: Tensor, seed: int, noise_scale: float) -> Tensor:
        arguments = (*inputs(golden)[:3], speaker)
        return generate(synthesizer, *arguments, noise_scale=noise_scale, noise=SeededNoise.of(seed)).audio

    one = golden["speaker"]
    assert torch.equal(sing(one, 0, 0.66666), sing(one, 0, 0.66666))
    assert not torch.equal(sing(one, 0, 0.66666), sing(one, 1, 0.66666))
    assert not torch.equal(sing(one, 0, 0.66666), sing(one, 0, 0))
    shares = torch.eye(3)[one].unsqueeze(2)
    assert torch.allclose(sing(shares, 0, 0), sing(one, 0, 0), atol=1e-5)
