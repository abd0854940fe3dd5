"""Spectrograms equal the predecessor's up to rounding, and tones appear at their frequency and time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from myna.audio.spectrogram import MelSettings, mel_filterbank, mel_spectrogram, spectrogram
from myna.config import DataConfig

GOLDEN = np.load(Path(__file__).parent / "golden" / "mel.npz")
SETTINGS = MelSettings.of(DataConfig())


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("44k", (44100, 2048, 80, 0.0, None)),
        ("16k", (16000, 400, 80, 0.0, None)),
        ("band", (22050, 1024, 40, 55.0, 7600.0)),
    ],
)
def test_the_filterbank_equals_librosas(name: str, arguments: tuple) -> None:
    expected = GOLDEN[f"filterbank_{name}"]
    np.testing.assert_allclose(mel_filterbank(*arguments).numpy(), expected, atol=1e-6 * expected.max())


def test_spectrograms_equal_the_predecessors() -> None:
    audio = torch.from_numpy(GOLDEN["audio"])[None]
    magnitude = spectrogram(audio, SETTINGS.n_fft, SETTINGS.hop_length, SETTINGS.win_length)
    np.testing.assert_allclose(magnitude[0, ::16].numpy(), GOLDEN["spectrogram_every_16th_bin"], rtol=1e-4, atol=1e-4)
    # Compared as magnitudes, since the logarithm of tiny values amplifies rounding.
    mel = np.exp(mel_spectrogram(audio, SETTINGS)[0].numpy())
    np.testing.assert_allclose(mel, np.exp(GOLDEN["mel"]), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("n_samples", [512, 700, 1023, 44100, 44101])
def test_there_is_one_frame_per_whole_hop(n_samples: int) -> None:
    assert mel_spectrogram(torch.zeros(2, n_samples), SETTINGS).shape == (2, 80, n_samples // 512)


def test_a_tone_peaks_in_its_own_bin_in_proportion_to_its_amplitude() -> None:
    tone = torch.sin(2 * torch.pi * 1000 * torch.arange(44100) / 44100)
    whole, half = (spectrogram(tone[None] * gain, 2048, 512, 2048)[0, :, 40] for gain in (1.0, 0.5))
    assert abs(whole.argmax() * 44100 / 2048 - 1000) < 44100 / 2048
    assert float(half.max() / whole.max()) == pytest.approx(0.5, abs=1e-4)


def test_silence_has_a_finite_gradient() -> None:
    audio = torch.zeros(1, 4096, requires_grad=True)
    mel_spectrogram(audio, SETTINGS).sum().backward()
    assert audio.grad is not None and bool(audio.grad.isfinite().all())


def test_settings_are_those_of_the_configuration() -> None:
    data = DataConfig(sampling_rate=32000, filter_length=1024, hop_length=320, win_length=1000, n_mel_channels=64)
    assert all(getattr(MelSettings.of(data), name) == getattr(data, name) for name in MelSettings.__annotations__)


def test_a_filterbank_computed_in_inference_mode_can_be_used_in_training() -> None:
    mel_filterbank.cache_clear()
    with torch.inference_mode():
        mel_spectrogram(torch.zeros(1, 2048), SETTINGS)
    audio = torch.zeros(1, 2048, requires_grad=True)
    mel_spectrogram(audio, SETTINGS).sum().backward()
    assert audio.grad is not None
