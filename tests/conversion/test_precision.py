"""The precision of a conversion follows from the option, the voice and the processor; it changes little else."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from apps.tiny_voice import CONFIG, RATE, BandEnergies
from myna.config import Config
from myna.conversion import precision
from myna.conversion.converter import Converter
from myna.conversion.precision import choose_precision
from myna.conversion.slice_cache import SliceCache
from myna.errors import ConfigError
from myna.models.synthesizers.vits import Vits
from myna.options import ConversionOptions, check_voice_defaults
from myna.realtime.stream import open_stream
from myna.voice import Voice


@pytest.fixture
def voice(monkeypatch: pytest.MonkeyPatch) -> Voice:
    monkeypatch.setattr("myna.features.extractor.load_encoder", lambda name, device: BandEnergies())
    torch.manual_seed(0)
    config = Config.parse(CONFIG)
    return Voice(config, Vits(config.model, config.data).eval(), Path("G_1.pth"))


def processor(monkeypatch: pytest.MonkeyPatch, *, bf16: bool) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": bf16}, raising=False)


def test_auto_is_bf16_for_large_voices_on_processors_with_bf16(voice: Voice, monkeypatch: pytest.MonkeyPatch) -> None:
    processor(monkeypatch, bf16=True)
    assert choose_precision("auto", voice.synthesizer) == "fp32"
    monkeypatch.setattr(precision, "is_faster_in_bf16", lambda synthesizer: True)
    assert choose_precision("auto", voice.synthesizer) == "bf16"
    assert choose_precision("auto", voice.synthesizer, "cuda:0") == "fp32"
    assert choose_precision("fp32", voice.synthesizer) == "fp32"
    processor(monkeypatch, bf16=False)
    assert choose_precision("auto", voice.synthesizer) == "fp32"


def test_bf16_is_refused_where_it_is_unsupported_and_slow_without_instructions(
    voice: Voice, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    processor(monkeypatch, bf16=False)
    with caplog.at_level(logging.WARNING, "myna"):
        assert choose_precision("bf16", voice.synthesizer) == "bf16"
    assert caplog.messages == ["this processor has no bf16 instructions, so --precision bf16 is slower than fp32"]
    with pytest.raises(ConfigError, match="convert with --device cpu instead of cuda:0"):
        choose_precision("bf16", voice.synthesizer, "cuda:0")
    with pytest.raises(ConfigError, match="not for light voices and ONNX graphs"):
        choose_precision("bf16", Voice.load("joe").synthesizer)


def test_the_precision_is_not_a_default_of_a_voice() -> None:
    with pytest.raises(ConfigError, match="a voice has no default for precision"):
        check_voice_defaults({"precision": "bf16"})


def test_one_converter_converts_in_both_precisions(voice: Voice) -> None:
    song = 0.3 * np.sin(2 * np.pi * 220 * np.arange(RATE) / RATE).astype(np.float32)
    converter = Converter(voice, cache=SliceCache())

    def converted(chosen: str) -> np.ndarray:
        audio, summary = converter.convert(song, RATE, ConversionOptions(precision=chosen))  # type: ignore[arg-type]
        assert summary.precision == chosen
        return audio

    plain, rounded = converted("fp32"), converted("bf16")
    assert not np.array_equal(rounded, plain)
    np.testing.assert_allclose(rounded, plain, atol=0.05 * np.abs(plain).max())
    # With and without the cache, and after the other precision, the samples are the same.
    np.testing.assert_array_equal(converted("fp32"), plain)
    for chosen, audio in (("fp32", plain), ("bf16", rounded)):
        options = ConversionOptions(precision=chosen)  # type: ignore[arg-type]
        np.testing.assert_array_equal(Converter(voice).convert(song, RATE, options).audio, audio)


def test_a_stream_converts_in_bf16(voice: Voice) -> None:
    song = 0.3 * np.sin(2 * np.pi * 220 * np.arange(RATE) / RATE).astype(np.float32)

    def streamed(chosen: str) -> np.ndarray:
        stream = open_stream(voice, ConversionOptions(precision=chosen), block_seconds=0.2)  # type: ignore[arg-type]
        return np.concatenate([stream.push(song[start : start + 1600]) for start in range(0, RATE, 1600)])

    plain, rounded = streamed("fp32"), streamed("bf16")
    assert np.abs(plain).max() > 0 and not np.array_equal(plain, rounded)
    np.testing.assert_allclose(rounded, plain, atol=0.05 * np.abs(plain).max())
