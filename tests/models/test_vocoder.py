"""The predecessor's vocoder gives the predecessor's output; the successor's follows its public definition."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from myna.models.layers.harmonic_source import sine_between_frames
from myna.models.noise import SeededNoise, SilentNoise
from myna.models.vocoder import Vocoder
from myna.zoo.vocoders import open_vocoder, vocoder_in
from small_vocoders import GOLDEN_VOCODER, SMALL_PC_NSF, fused, golden, write_vocoder

SAMPLE_RATE, HOP = 44100, 512
N_FRAMES = 86
DISTANCE = 3.35  # natural logarithms


@pytest.fixture(scope="module")
def nsf() -> Vocoder:
    return open_vocoder(GOLDEN_VOCODER).build()


@pytest.fixture(scope="module")
def pc_nsf(tmp_path_factory: pytest.TempPathFactory) -> Vocoder:
    return open_vocoder(write_vocoder(tmp_path_factory.mktemp("pc-nsf"))).build()


@torch.inference_mode()
def test_audio_and_analysis_equal_the_predecessors(nsf: Vocoder) -> None:
    given = golden()
    with_norms = open_vocoder(GOLDEN_VOCODER).build_module().eval()
    for vocoder in (nsf, with_norms):
        audio = vocoder.synthesize(given["mel"], given["f0"], SilentNoise()).audio
        assert audio.shape == given["audio"].shape
        assert (audio - given["audio"]).abs().max() < 1e-5
    mel = nsf.analysis(given["analysis_input"][None])
    assert mel.shape == given["analysis_mel"].shape
    assert (mel - given["analysis_mel"]).abs().max() < 1e-4


@torch.inference_mode()
def test_the_round_trip_of_the_golden_vocoder_has_the_predecessors_distance(nsf: Vocoder) -> None:
    """With random weights, the spectrogram of the audio differs from the input by 3.35 nepers on average."""
    given = golden()
    again = nsf.analysis(nsf.synthesize(given["mel"], given["f0"], SilentNoise()).audio[:, 0])
    of_golden = nsf.analysis(given["audio"][:, 0])
    assert (again - of_golden).abs().max() < 1e-2
    assert float((again - given["mel"]).abs().mean()) == pytest.approx(DISTANCE, abs=0.01)


@torch.inference_mode()
@pytest.mark.parametrize("mini_nsf", [False, True])
def test_an_f0_of_220_hz_gives_220_hz(mini_nsf: bool, tmp_path: Path) -> None:
    config = SMALL_PC_NSF.model_copy(update={"mini_nsf": mini_nsf})
    vocoder = open_vocoder(write_vocoder(tmp_path, config)).build()
    mel = torch.full((1, config.num_mels, N_FRAMES), -4.0)
    for hz, other_hz in ((220.0, 330.0), (330.0, 220.0)):
        audio = vocoder.synthesize(mel, torch.full((1, N_FRAMES), hz), SeededNoise.of(0)).audio[0, 0].numpy()
        audio = audio[4 * HOP : -4 * HOP] - audio.mean()
        level_db = 20 * np.log10(np.abs(np.fft.rfft(audio * np.hanning(len(audio)), 8 * len(audio))))
        frequencies = np.fft.rfftfreq(8 * len(audio), 1 / SAMPLE_RATE)
        near, elsewhere = (np.abs(frequencies - centre) < 6 for centre in (hz, other_hz))
        assert frequencies[near][level_db[near].argmax()] == pytest.approx(hz, abs=0.2)
        assert level_db[near].max() > level_db[elsewhere].max() + 30


def test_the_sine_equals_its_definition_frame_by_frame() -> None:
    f0 = torch.tensor([[220.0, 260.0, 240.0, 0.0, 300.0]])
    hop, rate = 64, SAMPLE_RATE / 8
    expected, cycles = [], 0.0
    for frame in range(f0.shape[1]):
        slope = (f0[0, min(frame + 1, f0.shape[1] - 1)] - f0[0, frame]).item()
        for n in range(1, hop + 1):
            within = (f0[0, frame].item() * n + slope * n * (n - 1) / 2 / hop) / rate
            expected.append(math.sin(2 * math.pi * (cycles + within)))
        cycles += within
    np.testing.assert_allclose(sine_between_frames(f0, hop, rate)[0].numpy(), expected, atol=1e-5)


@torch.inference_mode()
def test_pc_nsf_equals_its_definition(pc_nsf: Vocoder, tmp_path: Path) -> None:
    """Recorded output is not at hand, so the reference is the public definition in plain functions of PyTorch."""
    path = write_vocoder(tmp_path)
    weights = vocoder_in(torch.load(path, weights_only=True))
    assert weights is not None
    torch.manual_seed(1)
    mel, f0 = torch.randn(1, SMALL_PC_NSF.num_mels, 20) - 5, torch.linspace(200, 400, 20)[None]
    expected = _pc_nsf(fused(weights), mel, f0)
    found = pc_nsf.synthesize(mel, f0, SilentNoise()).audio
    assert found.shape == (1, 1, 20 * HOP)
    assert (found - expected).abs().max() < 1e-5


def _pc_nsf(weights: dict[str, Tensor], mel: Tensor, f0: Tensor) -> Tensor:
    """PC-NSF-HiFiGAN by its definition, with fused weights under the names of the file."""

    def conv(name: str, x: Tensor, dilation: int = 1) -> Tensor:
        weight = weights[f"{name}.weight"]
        padding = (weight.shape[2] - 1) * dilation // 2
        return F.conv1d(x, weight, weights[f"{name}.bias"], padding=padding, dilation=dilation)

    sine = sine_between_frames(f0, 64, SAMPLE_RATE / 8)[:, None]
    x = conv("conv_pre", mel)
    for step, rate in enumerate(SMALL_PC_NSF.upsample_rates):
        size = SMALL_PC_NSF.upsample_kernel_sizes[step]
        weight, bias = weights[f"ups.{step}.weight"], weights[f"ups.{step}.bias"]
        x = F.conv_transpose1d(F.leaky_relu(x, 0.1), weight, bias, stride=rate, padding=(size - rate) // 2)
        if step == 1:
            x = x + conv("source_conv", sine)
        total = torch.zeros_like(x)
        for block in range(2):
            y, name = x, f"resblocks.{2 * step + block}"
            for index, dilation in enumerate((1, 3, 5)):
                inner = conv(f"{name}.convs1.{index}", F.leaky_relu(y, 0.1), dilation)
                y = y + conv(f"{name}.convs2.{index}", F.leaky_relu(inner, 0.1))
            total = total + y
        x = total / 2
    return torch.tanh(conv("conv_post", F.leaky_relu(x)))


@torch.inference_mode()
def test_noise_sigma_adds_noise_to_the_first_layer(tmp_path: Path) -> None:
    noisy = open_vocoder(write_vocoder(tmp_path, SMALL_PC_NSF.model_copy(update={"noise_sigma": 0.5}))).build()
    mel, f0 = torch.full((1, 128, 20), -4.0), torch.full((1, 20), 220.0)
    silent, one, same, other = (
        noisy.synthesize(mel, f0, noise).audio
        for noise in (SilentNoise(), SeededNoise.of(0), SeededNoise.of(0), SeededNoise.of(1))
    )
    assert torch.equal(one, same)
    assert not torch.allclose(one, silent) and not torch.allclose(one, other)


def test_a_sine_peaks_in_its_mel_band_and_an_octave_up_after_a_shift_of_12(nsf: Vocoder) -> None:
    tone = torch.sin(2 * torch.pi * 440 * torch.arange(SAMPLE_RATE) / SAMPLE_RATE)[None]
    double = torch.sin(2 * torch.pi * 880 * torch.arange(SAMPLE_RATE) / SAMPLE_RATE)[None]
    plain, shifted, expected = nsf.analysis(tone), nsf.analysis(tone, key_shift=12), nsf.analysis(double)
    assert plain.shape == shifted.shape == (1, 128, SAMPLE_RATE // HOP)
    inside = slice(8, -8)
    assert (plain[0, :, inside].argmax(0) < expected[0, :, inside].argmax(0)).all()
    assert torch.equal(shifted[0, :, inside].argmax(0), expected[0, :, inside].argmax(0))
    # The level stays too.
    assert (shifted[0, :, inside].amax(0) - expected[0, :, inside].amax(0)).abs().max() < 0.05
    down = nsf.analysis(double, key_shift=-12)
    assert torch.equal(down[0, :, inside].argmax(0), plain[0, :, inside].argmax(0))


def test_speed_changes_the_number_of_frames(nsf: Vocoder) -> None:
    assert nsf.analysis(torch.zeros(1, 40 * HOP), speed=2).shape == (1, 128, 20)
    assert nsf.analysis(torch.zeros(2, 40 * HOP), speed=0.5).shape == (2, 128, 80)
    assert nsf.analysis(torch.zeros(2, 40 * HOP), key_shift=3.7, speed=1.1).isfinite().all()
