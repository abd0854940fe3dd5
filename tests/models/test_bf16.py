"""Voices in bfloat16 agree with the recorded outputs, and their float32 networks do not change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_voices import GOLDEN, agreement_db, generate
from torch import Tensor

from myna.config import Config
from myna.models.bf16 import in_bf16, is_faster_in_bf16, supports_bf16
from myna.models.interface import SynthesizerModule
from myna.models.noise import SeededNoise
from myna.models.synthesizers.light import LightSynthesizer
from myna.models.synthesizers.vits import Vits
from myna.zoo import rvc, sovits

# Least agreement in dB. Each is 2 to 4 dB below the agreement on a processor with AVX512-BF16. The random weights of
# some voices attenuate the signal, so that it is small beside the rounding errors of the constant parts.
AGREEMENT_DB = {
    "4.1/nsf-hifigan": 20,
    "4.1/nsf-snake-hifigan-vol": 22,
    "4.1/tiny-shared-flow-depthwise": 45,
    "4.1/transformer-flow": 21,
    "4.1/vec256l9-vol": 28,
    "4.1/whisper-ppg": 22,
    "fork/quickvc": 40,
    "fork/quickvc-istft": 38,
    "fork/quickvc-mb-istft": 50,
    "fork/so-vits-svc-4.0v1": 20,
    "fork/so-vits-svc-4.0v1-legacy": 31,
    "rvc/v1-40k-training": 29,
    "rvc/v1-48k": 30,
    "rvc/v2-32k-nono": 30,
    "rvc/v2-48k": 32,
}


def golden_voice(name: str) -> tuple[SynthesizerModule, tuple[Any, ...], Tensor]:
    """A fused golden voice, its recorded inputs and its recorded output."""
    path = GOLDEN / name
    synthesizer: SynthesizerModule
    if path.is_dir():
        weights = torch.load(path / "G_3.pth", weights_only=True)["model"]
        synthesizer = sovits.build(weights, Config.read(path / "config.json"))
        recorded = path / "golden.npz"
    else:
        content = torch.load(path.with_suffix(".pth"), weights_only=True)
        weights = content.pop("model", None) or content.pop("weight")
        config, _ = rvc.config_from(weights, content)
        synthesizer, recorded = rvc.build(weights, config), path.with_suffix(".npz")
    with np.load(recorded) as arrays:
        golden = {name: torch.from_numpy(arrays[name]) for name in arrays}
    loudness = 20 * torch.log10(golden["volume"].double()) if "volume" in golden else None
    inputs = golden["content"].float(), golden["f0"], golden["uv"] > 0, golden["speaker"].flatten(), loudness
    synthesizer.eval()
    synthesizer.fuse()
    return synthesizer, inputs, golden["audio"]


def test_every_golden_voice_has_an_agreement() -> None:
    folders = [path.parent.relative_to(GOLDEN) for path in GOLDEN.glob("*/*/golden.npz")]
    files = [path.relative_to(GOLDEN).with_suffix("") for path in (GOLDEN / "rvc").glob("*.pth")]
    assert {path.as_posix() for path in [*folders, *files]} == AGREEMENT_DB.keys()


@pytest.mark.parametrize("name", AGREEMENT_DB)
def test_output_in_bf16_agrees_with_the_predecessors(name: str) -> None:
    synthesizer, inputs, audio = golden_voice(name)
    assert supports_bf16(synthesizer)
    generated = generate(in_bf16(synthesizer), *inputs)
    assert generated.audio.dtype == torch.float32 and generated.audio.shape == audio.shape
    assert torch.equal(generated.f0, inputs[1])
    assert agreement_db(audio, generated.audio) > AGREEMENT_DB[name]


def test_only_convolutions_of_the_upsampling_network_are_converted_and_the_rest_is_shared() -> None:
    synthesizer, inputs, audio = golden_voice("4.1/nsf-snake-hifigan-vol")
    converted = dict(in_bf16(synthesizer).named_parameters())  # type: ignore[attr-defined]
    for name, parameter in synthesizer.named_parameters():
        is_converted = name.startswith("decoder.backbone.") and not name.endswith((".alpha", ".beta"))
        assert parameter.dtype == torch.float32
        assert converted[name].dtype == (torch.bfloat16 if is_converted else torch.float32)
        if not name.startswith("decoder.backbone."):
            assert converted[name] is parameter
    assert (generate(synthesizer, *inputs).audio - audio).abs().max() < 1e-4


def test_the_seed_determines_the_output_in_bf16() -> None:
    synthesizer, inputs, _ = golden_voice("fork/so-vits-svc-4.0v1")
    converted = in_bf16(synthesizer)
    one, same, other = (
        generate(converted, *inputs, noise_scale=0.4, noise=SeededNoise.of(seed)).audio for seed in (1, 1, 2)
    )
    assert torch.equal(one, same) and not torch.equal(one, other)


@pytest.mark.parametrize(
    ("template", "is_faster"),
    [("so-vits-svc-4.0v1", True), ("so-vits-svc-4.1-tiny", True), ("quickvc", True), ("myna-lite", False)],
)
def test_full_size_voices_are_faster_in_bf16_and_light_ones_do_not_support_it(template: str, is_faster: bool) -> None:
    config = Config.read(Path(sovits.__file__).parents[1] / "templates" / f"{template}.json")
    kind = LightSynthesizer if template == "myna-lite" else Vits
    with torch.device("meta"):
        synthesizer = kind(config.model, config.data)
    assert is_faster_in_bf16(synthesizer) is supports_bf16(synthesizer) is is_faster


def test_a_small_voice_is_not_faster_in_bf16() -> None:
    synthesizer, *_ = golden_voice("fork/so-vits-svc-4.0v1")
    assert supports_bf16(synthesizer) and not is_faster_in_bf16(synthesizer)
