"""A decoder takes sizes, not a voice's configuration: a vocoder without speakers is made of the same parts."""

from __future__ import annotations

import pytest
import torch

from myna.models.decoders.nsf_hifigan import NsfHifiGan
from myna.models.interface import DecoderConditions
from myna.models.noise import SeededNoise
from myna.models.sizes import UpsamplingSizes

N_MELS, N_FRAMES, HOP_LENGTH, SAMPLE_RATE = 20, 64, 128, 16000


def test_a_vocoder_without_speakers_turns_mel_frames_into_audio() -> None:
    sizes = UpsamplingSizes(
        in_channels=N_MELS,
        initial_channels=32,
        rates=(8, 4, 4),
        kernel_sizes=(16, 8, 8),
        resblock="1",
        resblock_kernel_sizes=(3,),
        resblock_dilations=((1, 3),),
    )
    torch.manual_seed(0)
    vocoder = NsfHifiGan(sizes, SAMPLE_RATE, speaker_channels=None).eval()
    assert not any("speaker" in name for name in vocoder.state_dict())
    with torch.inference_mode():
        audio = vocoder(
            torch.randn(1, N_MELS, N_FRAMES), DecoderConditions(torch.full((1, N_FRAMES), 250.0)), SeededNoise.of(0)
        ).audio
    assert audio.shape == (1, 1, N_FRAMES * HOP_LENGTH)
    assert audio.abs().max() <= 1
    # Untrained, but its excitation is there already: a period of 64 samples.
    power = torch.fft.rfft(audio[0, 0] - audio.mean(), 2 * audio.shape[2]).abs().square()
    correlation = torch.fft.irfft(power)
    assert int(correlation[32:96].argmax()) + 32 == pytest.approx(64, abs=1)
