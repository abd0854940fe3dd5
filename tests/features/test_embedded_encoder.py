"""The embedded encoder gives the same content for a stream as for a whole recording, delayed by its look-ahead."""

from __future__ import annotations

from importlib import resources

import pytest
import torch
from safetensors.torch import save
from torch import Tensor

from myna.assets import BUNDLED_NETWORKS
from myna.features.content import CONTENT_ENCODERS, load_encoder
from myna.features.content.embedded import (
    AHEAD_FRAMES,
    CODE_CHANNELS,
    FRAME_SAMPLES,
    SAMPLE_RATE,
    ContentNetwork,
    EmbeddedEncoder,
)
from myna.features.content.embedded_stream import ContentStream
from myna.features.f0 import live
from myna.storage.quantization import packed, unpacked
from recipes.content_encoder.export import n_axes


@pytest.fixture(scope="module", params=AHEAD_FRAMES)
def encoder(request: pytest.FixtureRequest) -> EmbeddedEncoder:
    """Encoder with random weights in which every stage has an effect."""
    torch.manual_seed(3)
    network = ContentNetwork(AHEAD_FRAMES[request.param])
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
    torch.testing.assert_close(
        streamed(ContentStream(encoder.network), audio, block_samples), encoder(audio), atol=1e-5, rtol=1e-5
    )


def test_a_frame_is_available_as_soon_as_its_look_ahead_is(encoder: EmbeddedEncoder) -> None:
    stream, n_given, n_heard = ContentStream(encoder.network), 0, 0
    for block in noise(16000).split(FRAME_SAMPLES):
        n_heard += len(block)
        n_given += stream.push(block).shape[1]
        # Rounded up, since the stream works in whole frames.
        assert n_given == max(0, n_heard // FRAME_SAMPLES - -(-encoder.network.look_ahead_samples // FRAME_SAMPLES))


def test_audio_after_the_look_ahead_has_no_effect(encoder: EmbeddedEncoder) -> None:
    audio = noise(16000)
    changed = audio.clone()
    frame = 15
    changed[(frame + 1) * FRAME_SAMPLES + encoder.network.look_ahead_samples :] = 0
    before, after = encoder(audio), encoder(changed)
    torch.testing.assert_close(before[:, : frame + 1], after[:, : frame + 1], atol=1e-6, rtol=0)
    assert not torch.allclose(before[:, frame + 1 :], after[:, frame + 1 :])


@pytest.mark.parametrize(("n_samples", "n_frames"), [(1, 1), (319, 1), (320, 1), (16319, 50), (16320, 51)])
def test_there_are_fifty_frames_per_second_and_at_least_one(
    encoder: EmbeddedEncoder, n_samples: int, n_frames: int
) -> None:
    assert encoder(noise(n_samples)).shape == (CODE_CHANNELS, n_frames)


@pytest.mark.parametrize(("name", "look_ahead_ms"), [("myna-content-1", 197.5), ("myna-content-2", 37.5)])
def test_the_bundled_weights_fit_into_ten_megabytes_each(name: str, look_ahead_ms: float) -> None:
    assert len(resources.files("myna").joinpath("weights", f"{name}.safetensors").read_bytes()) < 10e6
    encoder = load_encoder(name)
    assert encoder.channels == CONTENT_ENCODERS[name].channels == CODE_CHANNELS
    assert encoder.network.look_ahead_samples == look_ahead_ms * SAMPLE_RATE / 1000


def test_the_list_of_bundled_networks_is_complete() -> None:
    assert {*AHEAD_FRAMES, live.WEIGHTS.removesuffix(".safetensors")} == set(BUNDLED_NETWORKS)


def test_packed_weights_are_small_and_give_nearly_the_same_output(encoder: EmbeddedEncoder) -> None:
    weights = packed(encoder.network.state_dict(), n_axes)
    assert len(save(weights)) < 10e6
    again = ContentNetwork([block.right for block in encoder.network.blocks])
    again.load_state_dict(unpacked(weights))
    audio = noise(16000)
    before, after = encoder(audio), EmbeddedEncoder(again)(audio)
    assert (after - before).square().mean() < 1e-2 * (before - before.mean(1, keepdim=True)).square().mean()
