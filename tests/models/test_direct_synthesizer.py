"""The light voice has correct pitch before any training, and the bandwidth of its training data."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from small_voices import generate
from torch import Tensor

from myna.config import Config
from myna.features.f0 import F0_ESTIMATORS
from myna.models.interface import Conditions, Generated, NoiseSource, TrainingInput
from myna.models.layers.spectral_filter import minimum_phase
from myna.models.noise import SeededNoise, SilentNoise
from myna.models.synthesizers.light import LightSynthesizer
from myna.options import F0Method

N_FRAMES = 60
SEGMENT_FRAMES = 16
SMALL = {"inter_channels": 16, "hidden_channels": 24, "n_layers": 2, "n_fine_layers": 1, "gin_channels": 4}


@pytest.fixture
def config() -> Config:
    return Config.template("myna-lite").with_values(model=SMALL | {"ssl_dim": 8, "n_speakers": 3})


@pytest.fixture
def voice(config: Config) -> LightSynthesizer:
    torch.manual_seed(0)
    return LightSynthesizer(config.model, config.data).eval()


def given(n_clips: int = 1, n_frames: int = N_FRAMES, hz: float = 220.0, loudness: float = -20.0) -> dict[str, Tensor]:
    """Random content at a steady pitch."""
    random = torch.Generator().manual_seed(4)
    return {
        "content": torch.randn(n_clips, 8, n_frames, generator=random),
        "f0": torch.full((n_clips, n_frames), hz),
        "voiced": torch.ones(n_clips, n_frames, dtype=torch.bool),
        "speaker": torch.arange(n_clips),
        "loudness": torch.full((n_clips, n_frames), loudness),
    }


def batch(config: Config, lengths: list[int]) -> TrainingInput:
    inputs = given(len(lengths))
    spectrogram = torch.zeros(len(lengths), config.data.spectrogram_channels, N_FRAMES)
    return TrainingInput(Conditions(**inputs), spectrogram=spectrogram, lengths=torch.tensor(lengths))


def sing(voice: LightSynthesizer, noise: NoiseSource | None = None, **inputs: Any) -> Generated:
    return generate(voice, **given() | inputs, noise=noise or SeededNoise.of(1))


def sung_cents(audio: Tensor, hz: float, method: F0Method = "harvest") -> Tensor:
    """Estimated pitch of `audio` (1, 1, N) relative to `hz`, in cents; all frames must be voiced."""
    sung = audio[0, 0] * 0.3 / audio.abs().max()
    f0 = torch.from_numpy(F0_ESTIMATORS[method](sung.numpy(), 44100, 512, "cpu"))[5:-5]
    assert (f0 > 0).all()
    return 1200 * torch.log2(f0.median() / hz)


def unlike(voice: LightSynthesizer) -> None:
    """Make the speakers differ; they are equal before training."""
    with torch.no_grad():
        for parameter in voice.parameters():
            if not parameter.any():
                parameter.normal_(std=0.1)


def test_a_breathy_voice_is_in_tune(voice: LightSynthesizer) -> None:
    """Untrained, breath is twice as strong as pulses; the only estimator that copes with it is off by 5 cents."""
    assert sung_cents(sing(voice).audio, 220.0, "swift").abs() < 8


@pytest.mark.parametrize("hz", [165.0, 220.0, 659.0])
@pytest.mark.parametrize("scale", [0.0, 1.0, 5.0], ids=["no content", "content", "wild content"])
def test_pitch_does_not_depend_on_the_content(voice: LightSynthesizer, hz: float, scale: float) -> None:
    inputs = given(n_frames=2 * N_FRAMES, hz=hz)
    sung = sing(voice, SilentNoise(), **inputs | {"content": scale * inputs["content"]})  # pulses alone
    assert sung_cents(sung.audio, hz).abs() < 3


@pytest.mark.parametrize("period", [50, 200, 400])
def test_the_period_of_the_output_is_that_of_the_pitch(voice: LightSynthesizer, period: int) -> None:
    """Measured by autocorrelation, without an estimator."""
    sung = sing(voice, **given(hz=44100 / period)).audio[0, 0]
    power = torch.fft.rfft(sung, 2 * len(sung)).abs().square()
    correlation = torch.fft.irfft(power)[: len(sung) // 2]
    assert correlation[period // 2 : period * 3 // 2].argmax() + period // 2 == period


def test_frames_become_hops_of_samples(voice: LightSynthesizer) -> None:
    for n_frames in (1, 2, 37):
        sung = sing(voice, **given(n_frames=n_frames))
        assert sung.audio.shape == (1, 1, n_frames * 512)
        assert sung.f0.shape == (1, n_frames)
        assert sung.audio.isfinite().all()


def test_output_has_nothing_above_the_bandwidth_of_the_speaker(voice: LightSynthesizer) -> None:
    voice.highest_hz[:] = torch.tensor([22050.0, 8000.0, 4000.0])
    sung = generate(voice, **given(n_clips=3), noise=SeededNoise.of(1)).audio[:, 0]
    power = torch.fft.rfft(sung * torch.hann_window(sung.shape[1])).abs().square()
    hz = torch.fft.rfftfreq(sung.shape[1], 1 / 44100)
    for clip, highest_hz in ((1, 8000), (2, 4000)):
        above = power[clip, hz > highest_hz + 100].sum() / power[clip].sum()
        assert above < 1e-5
        assert power[clip, (hz > highest_hz - 1000) & (hz < highest_hz - 200)].sum() / power[clip].sum() > 0.01
    assert power[0, hz > 8100].sum() / power[0].sum() > 0.3


def test_clips_in_a_batch_equal_single_clips(voice: LightSynthesizer) -> None:
    unlike(voice)
    inputs = given(n_clips=3)
    inputs["f0"] *= torch.tensor([[1.0], [1.5], [2.0]])
    together = generate(voice, **inputs).audio
    for clip in range(3):
        alone = generate(voice, **{name: tensor[clip : clip + 1] for name, tensor in inputs.items()}).audio
        torch.testing.assert_close(together[clip : clip + 1], alone, rtol=1e-4, atol=1e-6)
    assert not torch.allclose(together[0], together[1])


def test_generating_in_pieces_equals_generating_at_once(voice: LightSynthesizer) -> None:
    torch.nn.init.normal_(voice.decoder.head.weight, std=0.2)
    whole = sing(voice).audio
    for piece_frames in (1, 7, 32):
        voice.decoder.piece_frames = piece_frames
        torch.testing.assert_close(sing(voice).audio, whole, atol=1e-5, rtol=1e-4)


def test_minimum_phase_follows_from_the_gains() -> None:
    """Gains determine filters with zeros and poles inside the unit circle, like vocal tract resonances."""
    n_fft = 1024
    turn = torch.polar(torch.ones(513), -2 * math.pi * torch.arange(513) / n_fft)  # a delay by a sample
    echo = 1 + 0.5 * turn + 0.2 * turn**2
    resonance = 1 / (1 - 2 * 0.9 * math.cos(0.3) * turn + 0.81 * turn**2)
    filters = torch.stack([echo, resonance], dim=1).unsqueeze(0)
    torch.testing.assert_close(minimum_phase(filters.abs().log()), filters.angle(), atol=1e-4, rtol=0)
    torch.testing.assert_close(minimum_phase((3 * filters.abs()).log()), filters.angle(), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("hz", "reach"), [(45.0, 16), (65.0, 16), (130.0, 4), (260.0, 1), (800.0, 0)])
def test_log_gains_are_averaged_over_more_spectra_at_low_pitch(voice: LightSynthesizer, hz: float, reach: int) -> None:
    decoder, random = voice.decoder, torch.Generator().manual_seed(1)
    log_gains = torch.randn(1, len(decoder.bins_hz), 2 * N_FRAMES + 1, generator=random)
    averaged = decoder._averaged(log_gains, torch.full((1, N_FRAMES), hz))
    for spectrum in (0, 7, N_FRAMES, 2 * N_FRAMES):
        near = log_gains[..., max(0, spectrum - reach) : spectrum + reach + 1]
        torch.testing.assert_close(averaged[..., spectrum], near.mean(2), atol=1e-5, rtol=1e-5)


def test_a_filter_rings_after_a_pulse(voice: LightSynthesizer) -> None:
    with torch.no_grad():
        voice.decoder.head.weight.zero_()
        voice.decoder.head.bias.fill_(-30)  # no breath noise
        resonance = -((voice.decoder.bins_hz / 700 - 1) ** 2).clamp(max=9)
        voice.decoder.head.bias[: len(voice.decoder.bins_hz)] = resonance
    audio = sing(voice, **given(hz=220.5)).audio[0, 0]
    pulse = 20 * 512 // 200 * 200 - 1  # every 200th sample, from the 200th
    before, after = audio[pulse - 90 : pulse], audio[pulse + 1 : pulse + 91]
    assert after.square().sum() > 5 * before.square().sum()


def test_the_seed_determines_the_output(voice: LightSynthesizer) -> None:
    first, again, other = (generate(voice, **given(), noise=SeededNoise.of(seed)).audio for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_distant_frames_have_no_effect(voice: LightSynthesizer) -> None:
    """Without global context, a change of content at the end leaves the beginning unchanged."""
    inputs = given()
    changed = inputs["content"].clone()
    changed[..., 50:] = 3
    before, after = sing(voice).audio[0, 0], sing(voice, content=changed).audio[0, 0]
    assert torch.equal(before[: 30 * 512], after[: 30 * 512])
    assert not torch.allclose(before[50 * 512 :], after[50 * 512 :])


def test_silence_and_unvoiced_input_give_finite_output(voice: LightSynthesizer) -> None:
    unvoiced = torch.zeros(1, N_FRAMES, dtype=torch.bool)
    for loudness in (-90.0, -140.0, -torch.inf):
        sung = sing(voice, **given(loudness=loudness, hz=0.0) | {"voiced": unvoiced}).audio
        assert sung.isfinite().all()
        assert sung.abs().max() < 1


def test_missing_loudness_is_an_error(voice: LightSynthesizer) -> None:
    inputs = given()
    del inputs["loudness"]
    with pytest.raises(ValueError, match="loudness"):
        generate(voice, **inputs)


def test_every_parameter_gets_a_gradient(config: Config, voice: LightSynthesizer) -> None:
    unlike(voice)
    output = voice(batch(config, [N_FRAMES, 40]), SEGMENT_FRAMES, SeededNoise())
    output.audio.square().mean().backward()
    for name, parameter in voice.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_speakers_start_equal_and_get_different_gradients(config: Config, voice: LightSynthesizer) -> None:
    one, other = (sing(voice, speaker=torch.tensor([speaker])).audio for speaker in (0, 1))
    assert torch.equal(one, other)
    voice(batch(config, [N_FRAMES]), SEGMENT_FRAMES, SeededNoise()).audio.square().mean().backward()
    assert all(
        parameter.grad is not None and parameter.grad.any()
        for name, parameter in voice.named_parameters()
        if "speaker_projection" in name
    )


def test_training_generates_a_segment_of_each_clip(config: Config, voice: LightSynthesizer) -> None:
    output = voice(batch(config, [N_FRAMES, 20]), SEGMENT_FRAMES, SeededNoise())
    assert output.audio.shape == (2, 1, SEGMENT_FRAMES * 512)
    assert output.latents is None and output.subbands is None and output.f0_predicted is None
    assert (output.segment_starts + SEGMENT_FRAMES <= torch.tensor([N_FRAMES, 20])).all()


def test_pitch_jitter_affects_the_filters_and_not_the_pulses(config: Config, voice: LightSynthesizer) -> None:
    conditioned: list[Tensor] = []
    sung: list[Tensor] = []
    voice.control_projection.register_forward_pre_hook(lambda _, inputs: conditioned.append(inputs[0][:, 0]))
    voice.decoder.register_forward_pre_hook(lambda _, inputs: sung.append(inputs[1].f0))
    voice.pitch_jitter = 0.2
    inputs = batch(config, [N_FRAMES] * 3)
    for seed in range(30):
        voice(inputs, SEGMENT_FRAMES, SeededNoise.of(seed))
    octaves = torch.cat(conditioned)
    assert (octaves == octaves[:, :1]).all(), "the jitter of a clip is constant"
    assert octaves[:, 0].std() == pytest.approx(0.2, rel=0.2)
    assert (torch.cat(sung) == 220).all()


def test_trains_in_half_precision(config: Config, voice: LightSynthesizer) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        output = voice(batch(config, [N_FRAMES, 15]), SEGMENT_FRAMES, SeededNoise())
    assert output.audio.dtype == torch.float32
    output.audio.square().mean().backward()
    assert output.audio.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in voice.parameters())  # type: ignore[union-attr]
