"""The enhancer keeps pitch and length at every key and sample rate, and its vocoder works in the chosen range."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from myna.assets import BUNDLED_VOICES
from myna.audio.io import read
from myna.conversion.converter import Converter
from myna.conversion.enhancer import Enhanced, resampled_f0
from myna.errors import AssetError, CheckpointError
from myna.models.interface import Conditions, Generated, NoiseSource, Sampling, Waveform
from myna.models.noise import SeededNoise
from myna.models.vocoder import Vocoder
from myna.options import ConversionOptions
from myna.voice import Voice
from myna.zoo.vocoders import open_vocoder
from small_vocoders import GOLDEN_VOCODER, SMALL_PC_NSF, write_vocoder

N_FRAMES = 100
SECONDS = 2


@dataclass(frozen=True)
class Tone:
    """A synthesizer of sines with the given f0, and frames of 512 samples."""

    sample_rate: int

    def generate(self, conditions: Conditions, sampling: Sampling) -> Generated:
        hz = conditions.f0.repeat_interleave(512, dim=1).double()
        tone = 0.5 * torch.sin(2 * torch.pi * torch.cumsum(hz / self.sample_rate, 1))
        return Generated(tone.float()[:, None], conditions.f0)


def conditions(hz: float) -> Conditions:
    f0 = torch.full((1, N_FRAMES), hz)
    return Conditions(torch.zeros(1, 1, N_FRAMES), f0, f0 > 0, torch.zeros(1, dtype=torch.long))


@pytest.fixture(scope="module")
def vocoder(tmp_path_factory: pytest.TempPathFactory) -> Vocoder:
    folder = tmp_path_factory.mktemp("vocoder")
    return open_vocoder(write_vocoder(folder, SMALL_PC_NSF.model_copy(update={"mini_nsf": False}))).build()


@torch.inference_mode()
@pytest.mark.parametrize("key", [0.0, 12.0, -5.0])
@pytest.mark.parametrize("sample_rate", [44100, 32000])
def test_pitch_and_length_stay_and_the_vocoder_works_lower_by_the_key(
    vocoder: Vocoder, key: float, sample_rate: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Tensor, Tensor]] = []
    synthesize = vocoder.synthesize

    def watched(mel: Tensor, f0: Tensor, noise: NoiseSource) -> Waveform:
        seen.append((mel, f0))
        return synthesize(mel, f0, noise)

    monkeypatch.setattr(vocoder, "synthesize", watched)
    enhanced = Enhanced(Tone(sample_rate), vocoder, sample_rate, key)
    audio, f0 = enhanced.generate(conditions(220.0), Sampling(SeededNoise.of(0), 0.0))
    assert audio.shape == (1, 1, N_FRAMES * 512) and torch.equal(f0, conditions(220.0).f0)
    mel, given = seen[0]
    lower = 44100 / enhanced.slowed_rate
    assert lower == pytest.approx(2 ** (-key / 12), rel=2e-3)
    torch.testing.assert_close(given, torch.full_like(given, 220 * lower))
    assert mel.shape[2] == given.shape[1] == -(-round(N_FRAMES * 512 * enhanced.slowed_rate / sample_rate) // 512)
    # The analysed tone is in the band of the lower frequency.
    tone = torch.sin(2 * torch.pi * 220 * lower * torch.arange(44100) / 44100)
    assert int(mel[0, :, 40].argmax()) == int(vocoder.analysis(tone[None])[0, :, 40].argmax())

    samples = audio[0, 0, 8 * 512 : -8 * 512].numpy()
    level = np.abs(np.fft.rfft((samples - samples.mean()) * np.hanning(len(samples)), 8 * len(samples)))
    hz = np.fft.rfftfreq(8 * len(samples), 1 / sample_rate)
    near = np.abs(hz - 220) < 6
    assert hz[near][level[near].argmax()] == pytest.approx(220, abs=0.5)


def test_f0_is_interpolated_between_the_middles_of_frames() -> None:
    f0 = np.array([200, 300], np.float32)
    np.testing.assert_allclose(resampled_f0(f0, 100, 200, 4), [200, 225, 275, 300])
    np.testing.assert_allclose(resampled_f0(f0, 100, 100, 3), [200, 300, 300])


@pytest.fixture(scope="module")
def voice() -> Voice:
    return Voice.load("joe")


def test_a_conversion_is_enhanced_and_the_same_seed_gives_the_same_file(voice: Voice) -> None:
    song, _ = read(Path(BUNDLED_VOICES) / "song.flac", voice.config.data.sample_rate)
    song, rate = song[: SECONDS * voice.config.data.sample_rate], voice.config.data.sample_rate
    options = ConversionOptions(enhance=True, vocoder=GOLDEN_VOCODER, enhancer_adaptive_key=3)
    converter = Converter(voice)
    first, again = (converter.convert(song, rate, options).audio for _ in range(2))
    plain = converter.convert(song, rate, replace(options, enhance=False)).audio
    assert len(first) == len(plain) == len(song)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, plain)


def test_a_missing_or_wrong_vocoder_is_refused_before_the_first_file(
    voice: Voice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MYNA_ASSETS", raising=False)
    converter = Converter(voice)
    with pytest.raises(AssetError, match=r"there is no vocoder: unpack https://.* with --vocoder"):
        converter.check(ConversionOptions(enhance=True))
    with pytest.raises(CheckpointError, match="is not a vocoder"):
        converter.check(ConversionOptions(enhance=True, vocoder=voice.path))
    # so-vits-svc 4.1's folder is found.
    (tmp_path / "pretrain").mkdir()
    (tmp_path / "pretrain" / "nsf_hifigan").symlink_to(GOLDEN_VOCODER, target_is_directory=True)
    found = converter.check(ConversionOptions(enhance=True))
    assert found.vocoder is not None and found.vocoder.mel.n_mels == 128
    assert converter.check(ConversionOptions()).vocoder is None
