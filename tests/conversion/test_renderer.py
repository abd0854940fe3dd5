"""The renderer supports a live stream and a refinement stage without changes, and without the converter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from myna.assets import BUNDLED_VOICES
from myna.audio.io import read
from myna.conversion.converter import Converter
from myna.conversion.renderer import Renderer, SourceFacts
from myna.conversion.settings import ConversionSettings
from myna.features.extractor import FeatureExtractor
from myna.models.interface import Conditions, Generated, Sampling, Synthesizer
from myna.models.noise import SilentNoise
from myna.options import ConversionOptions
from myna.voice import Voice

BLOCK_FRAMES, CONTEXT_FRAMES = 12, 48
SECONDS = 4


@pytest.fixture(scope="module")
def voice() -> Voice:
    return Voice.load("joe")


@pytest.fixture(scope="module")
def song(voice: Voice) -> np.ndarray:
    audio, _ = read(Path(BUNDLED_VOICES) / "song.flac", voice.config.data.sample_rate)
    return audio[: SECONDS * voice.config.data.sample_rate]


def renderer(voice: Voice) -> Renderer:
    settings = ConversionSettings.resolve(voice.config, voice.path, ConversionOptions())
    return Renderer(voice, settings, FeatureExtractor(voice.config))


def test_rendering_in_blocks_equals_rendering_at_once(voice: Voice, song: np.ndarray) -> None:
    """Blocks of 0.14 s with 0.56 s of context on each side, without noise, which depends on the block."""
    hop, source = voice.config.data.hop_length, SourceFacts(peak=float(np.abs(song).max()))
    block, context = BLOCK_FRAMES * hop, CONTEXT_FRAMES * hop
    whole_renderer, n_blocks = renderer(voice), len(song) // block
    whole = whole_renderer.render(song, 0, SilentNoise(), source).audio

    padded, blocks = np.pad(song, context), []
    for start in range(0, n_blocks * block, block):
        chunk = padded[start : start + block + 2 * context]
        rendered = whole_renderer.render(chunk, start - context, SilentNoise(), source)
        blocks.append(rendered.audio[context : context + block])

    # The phase of the pulses differs between blocks, so spectra are compared instead of samples.
    streamed = _log_spectra(np.concatenate(blocks))
    offline = _log_spectra(whole[: n_blocks * block])
    loud = offline > offline.max() - 40
    assert np.median(np.abs(streamed - offline)[loud]) < 1.5  # dB
    assert abs(10 * np.log10(np.mean(np.concatenate(blocks) ** 2) / np.mean(whole**2))) < 0.5


@dataclass
class Refined:
    """A synthesizer followed by a refinement stage that changes nothing."""

    synthesizer: Synthesizer
    n_calls: int = 0

    def generate(self, conditions: Conditions, sampling: Sampling) -> Generated:
        audio, f0 = self.synthesizer.generate(conditions, sampling)
        self.n_calls += 1
        return Generated(audio.clone(), f0)


def test_an_identity_refinement_does_not_change_the_result(voice: Voice, song: np.ndarray) -> None:
    refined = Refined(voice.synthesizer)
    plain = Converter(voice).convert(song, voice.config.data.sample_rate)
    same = Converter(replace(voice, synthesizer=refined)).convert(song, voice.config.data.sample_rate)
    assert refined.n_calls == plain.summary.n_slices
    np.testing.assert_array_equal(same.audio, plain.audio)


def _log_spectra(audio: np.ndarray) -> np.ndarray:
    """Levels in dB of third-octave bands, in frames of 46 ms."""
    frames = audio[: len(audio) // 2048 * 2048].reshape(-1, 2048) * np.hanning(2048)
    power = np.abs(np.fft.rfft(frames)) ** 2
    edges = np.unique(np.geomspace(4, 1024, 24).astype(int))
    return 10 * np.log10(np.stack([power[:, a:b].mean(1) for a, b in pairwise(edges)]) + 1e-9)
