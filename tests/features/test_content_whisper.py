"""Our Whisper encoder equals Whisper at any input length."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from myna.errors import CheckpointError, ConfigError
from myna.features.content import CONTENT_ENCODERS, load_encoder
from myna.features.content.whisper import Whisper, WhisperDimensions, WhisperEncoder, log_mel, read_encoder

SECOND = 16000


def noise(seconds: float, seed: int = 0) -> Tensor:
    """Noise of changing level and colour, so that frames differ."""
    n = int(seconds * SECOND)
    draws = torch.randn(n, generator=torch.Generator().manual_seed(seed))
    swell = torch.sin(torch.arange(n) / 5000).abs()
    return 0.2 * swell * F.conv1d(draws[None, None], torch.ones(1, 1, 9) / 3, padding=4)[0, 0]


@pytest.fixture(scope="module")
def theirs():
    """Small random encoder in transformers' implementation."""
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder as TheirEncoder

    torch.manual_seed(0)
    encoder = TheirEncoder(
        WhisperConfig(d_model=128, encoder_layers=2, encoder_attention_heads=2, encoder_ffn_dim=512)
    ).eval()
    for parameter in encoder.parameters():  # larger than usual, so that no part is negligible
        torch.nn.init.normal_(parameter, std=0.1)
    return encoder


@pytest.fixture(scope="module")
def path(theirs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its weights in the hub's format: with a decoder, in half or single precision."""
    path = tmp_path_factory.mktemp("assets") / "whisper-tiny" / "model.safetensors"
    path.parent.mkdir()
    weights = {f"model.encoder.{key}": tensor for key, tensor in theirs.state_dict().items()}
    save_file(weights | {"model.decoder.embed_tokens.weight": torch.zeros(10, 128)}, path)
    return path


def their_content(theirs, audio: Tensor) -> Tensor:
    from transformers import WhisperFeatureExtractor

    features = WhisperFeatureExtractor()(audio.numpy(), sampling_rate=SECOND, return_tensors="pt").input_features
    with torch.inference_mode():
        return theirs(features).last_hidden_state[0].T


def test_thirty_seconds_equal_the_output_of_transformers(theirs, path: Path) -> None:
    audio = noise(30)
    expected = their_content(theirs, audio)
    content = Whisper(read_encoder(path))(audio)
    assert content.shape == (128, 1500)
    assert float((content - expected).norm() / expected.norm()) < 1e-5


def test_a_padded_encoder_takes_thirty_seconds_and_returns_those_of_the_recording(theirs, path: Path) -> None:
    audio = noise(2.5)
    expected = their_content(theirs, audio)[:, :125]
    encoder = read_encoder(path)
    padded, plain = Whisper(encoder, padded=True)(audio), Whisper(encoder)(audio)
    assert padded.shape == plain.shape == (128, 125)
    assert float((padded - expected).norm() / expected.norm()) < 1e-5
    assert float((plain - expected).norm() / expected.norm()) > 1e-3


@pytest.mark.parametrize("n_samples", [0, 160, 319, 320, 400, 639, 640, 16000, 16319])
@pytest.mark.parametrize("padded", [False, True])
def test_there_is_one_frame_per_whole_20_ms_and_at_least_one(n_samples: int, padded: bool) -> None:
    torch.manual_seed(0)
    whisper = Whisper(WhisperEncoder(WhisperDimensions(80, 64, 1, max_frames=100)), padded=padded)
    content = whisper(torch.zeros(n_samples))
    assert content.shape == (64, max(n_samples // 320, 1))
    assert bool(content.isfinite().all())


def test_70_seconds_are_encoded_in_windows_that_join_seamlessly() -> None:
    """The windows must not affect an encoder without positions and attention."""
    torch.manual_seed(0)
    encoder = WhisperEncoder(WhisperDimensions(80, 64, 1))
    torch.nn.init.zeros_(encoder.embed_positions.weight)
    torch.nn.init.zeros_(encoder.layers[0].self_attn.out_proj.weight)
    audio = noise(70)
    content = Whisper(encoder)(audio)
    assert content.shape == (64, 3500)
    with torch.inference_mode():
        # Without positions and attention, the whole input can be encoded at once.
        encoder.embed_positions = torch.nn.Embedding.from_pretrained(torch.zeros(3500, 64))
        whole = encoder(log_mel(audio, 80)[None, :, :7000])[0]
    # Frames at the edge of a window were computed beside silence, and have the lowest weight.
    torch.testing.assert_close(content, whole, atol=0.03, rtol=0)
    assert int(((content - whole).abs().amax(0) > 1e-4).sum()) <= 4


def test_the_dynamic_range_is_80_db_below_the_maximum_of_the_input() -> None:
    audio = torch.cat([0.5 * torch.sin(torch.arange(SECOND) * 0.3), torch.zeros(SECOND)])
    mel = log_mel(audio, 80)
    assert float(mel.max() - mel.min()) == pytest.approx(2.0)
    assert float(mel[:, 150:].max()) == float(mel.min())


def test_the_level_of_a_recording_only_shifts_its_spectrogram() -> None:
    audio = noise(1)
    difference = log_mel(audio, 80) - log_mel(audio * 10 ** (-6 / 20), 80)
    torch.testing.assert_close(difference, torch.full_like(difference, 0.6 / 4), atol=1e-4, rtol=0)


def test_the_encoder_table_finds_weights_in_the_folder_of_assets(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYNA_ASSETS", str(path.parents[1]))
    assert load_encoder("whisper-tiny").channels == 128


def test_a_file_of_another_model_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "model.safetensors"
    save_file({"model.encoder.conv1.weight": torch.zeros(64, 80, 3)}, other)
    with pytest.raises(CheckpointError, match=r"model\.safetensors is not a Whisper encoder"):
        read_encoder(other)
    other.write_bytes(np.random.default_rng(0).bytes(100))
    with pytest.raises(CheckpointError, match="is not a safetensors file"):
        read_encoder(other)


def test_the_encoder_table_has_the_common_names_and_lists_them() -> None:
    channels = {name: loader.channels for name, loader in CONTENT_ENCODERS.items()}
    assert channels["vec768l12"] == 768
    assert channels["vec256l9"] == 256
    assert (channels["whisper-ppg"], channels["whisper-ppg-large"]) == (1024, 1280)
    assert (channels["hubertsoft"], channels["cnhubertlarge"]) == (256, 1024)
    assert (channels["wavlmbase+"], channels["dphubert"]) == (768, 768)
    with pytest.raises(ConfigError, match="no content encoder 'hubert'; there are: vec768l12, vec256l9"):
        load_encoder("hubert")
