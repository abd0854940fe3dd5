"""The output of a so-vits-svc 3.0 voice equals the reference implementation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_voices import GOLDEN, generate
from torch import Tensor

from myna.config import Config
from myna.models.interface import SynthesizerModule
from myna.zoo import sovits3

FOLDER = GOLDEN / "sovits3"
TOLERANCE = 1e-4


@pytest.fixture
def synthesizer() -> SynthesizerModule:
    weights = torch.load(FOLDER / "voice.pth", weights_only=True)["model"]
    config, remarks = sovits3.config_from(weights, Config.read(FOLDER / "config.json"))
    assert not remarks
    return sovits3.build(weights, config).eval()


@pytest.fixture
def golden() -> dict[str, Tensor]:
    with np.load(FOLDER / "voice.npz") as arrays:
        read = {name: torch.from_numpy(arrays[name]) for name in arrays}
    return read | {"content": read["content"].float()}


def test_output_equals_the_reference(
    synthesizer: SynthesizerModule, golden: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = (golden["content"], golden["f0"], golden["uv"] > 0, golden["speaker"])
    generated = generate(synthesizer, *inputs, noise_scale=0)
    assert generated.audio.shape == golden["audio"].shape
    assert (generated.audio - golden["audio"]).abs().max() < TOLERANCE
    assert torch.equal(generated.f0, golden["f0"])
    synthesizer.fuse()
    assert (generate(synthesizer, *inputs, noise_scale=0).audio - golden["audio"]).abs().max() < TOLERANCE


def test_pitch_in_unvoiced_frames_has_no_effect(
    synthesizer: SynthesizerModule, golden: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    content, f0, voiced, speaker = (golden[name] for name in ("content", "f0", "uv", "speaker"))
    audio = generate(synthesizer, content, f0, voiced > 0, speaker, noise_scale=0).audio
    gaps = torch.where(voiced > 0, f0, 500.0)
    assert torch.equal(generate(synthesizer, content, gaps, voiced > 0, speaker, noise_scale=0).audio, audio)
