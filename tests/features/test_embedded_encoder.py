"""The embedded encoder gives the same content for a stream as for a whole recording, delayed by its look-ahead."""

from __future__ import annotations

from importlib import resources

import pytest
import torch
from safetensors.torch import save
from torch import Tensor

from myna.features.content import CONTENT_ENCODERS, load_encoder
from myna.features.content.embedded import (
    CODE_CHANNELS,
    FRAME_SAMPLES,
    LOOK_AHEAD_SAMPLES,
    WEIGHTS,
    ContentNetwork,
    ContentStream,
    EmbeddedEncoder,
    packed,
    unpacked,
)


@pytest.fixture(scope="module")
def encoder() -> EmbeddedEncoder:
    """Encoder with random weights in which every stage has an effect."""
    torch.manual_seed(3)
    network = ContentNetwork()
    for block in network.blocks:
        torch.nn.init.normal_(block.distances)
    torch.nn.init.normal_(network.sounds.weight, std=0.2)  # so that some sounds get more weight than others
    return EmbeddedEncoder(network)


def noise(n_samples: int) -> Tensor:
    return 0.1 * torch.randn(n_samples, generator=torch.Generator().manual_seed(n_samples))


def streamed(stream: ContentStream, audio: Tensor, block_samples: int) -> Tensor:
    return torch.cat([*(stream.push(block) for block in audio.split(block_samples)), stream.finish()], dim=1)


@pytest.mark.parametrize("block_samples", [7, 160, 320, 1000, 4096, 100_000])
@pytest.mark.parametrize("n_samples", [320, 1000, 16000, 20011])
def test_a_stream_equals_the_whole_recording(encoder: EmbeddedEncoder, n_samples: int, block_samples: int) -> None:
    audio = noise(n_samples)
    torch.testing.assert_close(streamed(encoder.stream(), audio, block_samples), encoder(audio), atol=1e-5, rtol=1e-5)


def test_a_frame_is_available_as_soon_as_its_look_ahead_is(encoder: EmbeddedEncoder) -> None:
    stream, n_given, n_heard = encoder.stream(), 0, 0
    for block in noise(16000).split(FRAME_SAMPLES):
        n_heard += len(block)
        n_given += stream.push(block).shape[1]
        # Rounded up, since the stream works in whole frames.
        assert n_given == max(0, n_heard // FRAME_SAMPLES - -(-LOOK_AHEAD_SAMPLES // FRAME_SAMPLES))


def test_audio_after_the_look_ahead_has_no_effect(encoder: EmbeddedEncoder) -> None:
    audio = noise(16000)
    changed = audio.clone()
    frame = 15
    changed[(frame + 1) * FRAME_SAMPLES + LOOK_AHEAD_SAMPLES :] = 0
    before, after = encoder(audio), encoder(changed)
    torch.testing.assert_close(before[:, : frame + 1], after[:, : frame + 1], atol=1e-6, rtol=0)
    assert not torch.allclose(before[:, frame + 1 :], after[:, frame + 1 :])


@pytest.mark.parametrize(("n_samples", "n_frames"), [(1, 1), (319, 1), (320, 1), (16319, 50), (16320, 51)])
def test_there_are_fifty_frames_per_second_and_at_least_one(
    encoder: EmbeddedEncoder, n_samples: int, n_frames: int
) -> None:
    assert encoder(noise(n_samples)).shape == (CODE_CHANNELS, n_frames)


def test_the_bundled_weights_fit_into_ten_megabytes() -> None:
    assert len(resources.files("myna").joinpath("weights", WEIGHTS).read_bytes()) < 10e6
    encoder = load_encoder("myna-content-1")
    assert encoder.channels == CONTENT_ENCODERS["myna-content-1"].channels == CODE_CHANNELS


def test_packing_rounds_each_row_to_1_254th_of_its_maximum(encoder: EmbeddedEncoder) -> None:
    weights = encoder.network.state_dict()
    found = unpacked(packed(weights))
    assert found.keys() == weights.keys()
    for name, tensor in weights.items():
        assert found[name].shape == tensor.shape and found[name].dtype == torch.float32
        rows, error = tensor.reshape(len(tensor), -1), (found[name] - tensor).reshape(len(tensor), -1).abs()
        # Half a step, plus the rounding of the scale to 16 bits.
        assert (error.amax(1) <= rows.abs().amax(1) * (0.5 / 127 + 2**-11) + 1e-7).all(), name


def test_packed_weights_are_small_and_give_nearly_the_same_output(encoder: EmbeddedEncoder) -> None:
    weights = packed(encoder.network.state_dict())
    assert len(save(weights)) < 10e6
    again = ContentNetwork()
    again.load_state_dict(unpacked(weights))
    audio = noise(16000)
    before, after = encoder(audio), EmbeddedEncoder(again)(audio)
    assert (after - before).square().mean() < 1e-2 * (before - before.mean(1, keepdim=True)).square().mean()


def test_zero_rows_stay_zero() -> None:
    found = unpacked(packed({"weight": torch.tensor([[0.0, 0.0], [1.0, -2.0]]), "bias": torch.zeros(2)}))
    assert found["weight"].tolist() == [[0.0, 0.0], [pytest.approx(1, abs=2 / 127), pytest.approx(-2, abs=2e-3)]]
    assert found["bias"].tolist() == [0.0, 0.0]


def vowel(f0_hz: float, formants_hz: tuple[float, ...]) -> Tensor:
    """One second of harmonics, filtered by formant resonances."""
    time = torch.arange(16000) / 16000
    harmonics = torch.arange(1, int(7500 / f0_hz)) * f0_hz
    loudness = sum(1 / (1 + ((harmonics - formant) / 80) ** 2) for formant in formants_hz)
    tone = (loudness[:, None] * torch.sin(2 * torch.pi * harmonics[:, None] * time)).sum(0)
    return 0.3 * tone / tone.abs().max()


def test_content_depends_on_the_vowel_and_not_on_the_pitch() -> None:
    encoder = load_encoder("myna-content-1")
    ah, ee = (730.0, 1090.0, 2440.0), (270.0, 2290.0, 3010.0)  # Peterson and Barney 1952, men

    def unit(f0_hz: float, formants: tuple[float, ...]) -> Tensor:
        mean = encoder(vowel(f0_hz, formants))[:, 10:40].mean(1)
        return mean / mean.norm()

    low, high, other = unit(110, ah), unit(196, ah), unit(110, ee)
    assert low @ high > low @ other + 0.2


def test_silence_has_finite_content() -> None:
    assert load_encoder("myna-content-1")(torch.zeros(16000)).isfinite().all()
