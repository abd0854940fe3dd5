"""Spectrograms equal the predecessor's up to rounding, and tones appear at their frequency and time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from myna.audio.spectrogram import hz_to_mel, mel_filterbank, mel_spectrogram, mel_to_hz, spectrogram
from myna.config import DataConfig

GOLDEN = np.load(Path(__file__).parent / "golden" / "mel.npz")
DATA = DataConfig()


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
    magnitude = spectrogram(audio, DATA.n_fft, DATA.hop_length, DATA.win_length)
    np.testing.assert_allclose(magnitude[0, ::16].numpy(), GOLDEN["spectrogram_every_16th_bin"], rtol=1e-4, atol=1e-4)
    # Compared as magnitudes, since the logarithm of tiny values amplifies rounding.
    mel = np.exp(mel_spectrogram(audio, DATA)[0].numpy())
    np.testing.assert_allclose(mel, np.exp(GOLDEN["mel"]), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("n_samples", [512, 700, 1023, 44100, 44101])
def test_there_is_one_frame_per_whole_hop(n_samples: int) -> None:
    assert mel_spectrogram(torch.zeros(2, n_samples), DATA).shape == (2, 80, n_samples // 512)


def test_a_tone_peaks_in_its_own_bin_in_proportion_to_its_amplitude() -> None:
    tone = torch.sin(2 * torch.pi * 1000 * torch.arange(44100) / 44100)
    whole, half = (spectrogram(tone[None] * gain, 2048, 512, 2048)[0, :, 40] for gain in (1.0, 0.5))
    assert abs(whole.argmax() * 44100 / 2048 - 1000) < 44100 / 2048
    assert float(half.max() / whole.max()) == pytest.approx(0.5, abs=1e-4)


def test_mel_and_hz_are_inverse_and_continuous_at_the_knee() -> None:
    hz = torch.tensor([0.0, 200.0, 999.999, 1000.0, 6400.0, 22050.0], dtype=torch.float64)
    torch.testing.assert_close(mel_to_hz(hz_to_mel(hz)), hz)
    torch.testing.assert_close(hz_to_mel(hz)[3:5], torch.tensor([15.0, 42.0], dtype=torch.float64))


def test_silence_has_a_finite_gradient() -> None:
    audio = torch.zeros(1, 4096, requires_grad=True)
    mel_spectrogram(audio, DATA).sum().backward()
    assert audio.grad is not None and bool(audio.grad.isfinite().all())
