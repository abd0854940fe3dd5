"""Networks of pymss-core are built from their configuration, read without running code, and applied in chunks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from myna.errors import CheckpointError, ConfigError, MissingExtraError
from myna.song.separation.loading import load_separator
from myna.song.separation.pymss import ChunkSettings, PymssSeparator, load_pymss
from myna.song.separation.separate import separate

RATE = 44100
CHUNK = 4096
NOISE = np.random.default_rng(0).standard_normal((2, 5 * CHUNK + 77)).astype(np.float32)

AUDIO = f"audio: {{chunk_size: {CHUNK}, sample_rate: 44100, num_channels: 2}}\n"
ROFORMER = "dim: 8, depth: 1, stereo: true, num_stems: 1, time_transformer_depth: 1, freq_transformer_depth: 1"
ROFORMER += ", dim_head: 8, heads: 1, stft_n_fft: 256, stft_hop_length: 64, stft_win_length: 256"
# Small networks of each kind, with the keys of the configurations that are in use.
CONFIGS = {
    "bs_roformer": AUDIO
    + f"model: {{{ROFORMER}, freqs_per_bands: !!python/tuple [29, 50, 50], dim_freqs_in: 129}}\n"
    + "training: {instruments: [vocals, other], target_instrument: vocals}\ninference: {num_overlap: 4}\n",
    "mel_band_roformer": AUDIO
    + f"model: {{{ROFORMER}, num_bands: 8, sample_rate: 44100}}\n"
    + "training: {instruments: [Vocals, Instrumental], target_instrument: Instrumental}\n",
    "mdx23c": "audio: {chunk_size: 4032, dim_f: 64, dim_t: 64, hop_length: 64, n_fft: 128, num_channels: 2}\n"
    "model: {act: gelu, bottleneck_factor: 4, growth: 2, norm: InstanceNorm, num_blocks_per_scale: 1, num_channels: 4, "
    "num_scales: 2, num_subbands: 4, scale: [2, 2]}\n"
    "training: {instruments: [Vocals, Instrumental], target_instrument: null}\ninference: {num_overlap: 8}\n",
    "scnet": AUDIO
    + "model: {sources: [drums, bass, other, vocals], audio_channels: 2, dims: [4, 4, 4, 4], nfft: 256, hop_size: 64, "
    "win_size: 256, normalized: true, band_SR: [0.175, 0.392, 0.433], band_stride: [1, 4, 16], "
    "band_kernel: [3, 4, 16], conv_depths: [1, 1, 1], compress: 2, conv_kernel: 3, num_dplayer: 2, expand: 1}\n"
    "training: {instruments: [drums, bass, other, vocals], target_instrument: null}\ninference: {num_overlap: 2}\n",
    "htdemucs": "audio: {chunk_size: 44100, num_channels: 2}\nmodel: htdemucs\n"
    "htdemucs: {channels: 8, growth: 2, depth: 4, nfft: 1024, t_layers: 0, bottom_channels: 0, num_subbands: 1}\n"
    "training: {instruments: [drums, bass, other, vocals], samplerate: 44100, segment: 1, channels: 2}\n"
    "inference: {num_overlap: 2}\n",
}


def joined(separator: PymssSeparator, song: np.ndarray, block_samples: int = 1500) -> np.ndarray:
    blocks = np.split(song, range(block_samples, song.shape[1], block_samples), axis=1)
    return np.concatenate(list(separator.vocals(blocks, song.shape[1])), axis=1)


class Shares(nn.Module):
    """Network whose stems are given shares of the song, with the axis of the stems if there are several."""

    def __init__(self, *shares: float) -> None:
        super().__init__()
        self.shares = torch.tensor(shares)

    def forward(self, samples: Tensor) -> Tensor:
        stems = samples[:, None] * self.shares[:, None, None]
        return stems if len(self.shares) > 1 else stems[:, 0]


@pytest.mark.parametrize("n_overlaps", [2, 3, 8])
@pytest.mark.parametrize("n_samples", [1, CHUNK, NOISE.shape[1]])
def test_chunks_join_without_a_seam(n_overlaps: int, n_samples: int) -> None:
    settings = ChunkSettings(RATE, CHUNK, n_overlaps, ("drums", "vocals"))
    song = NOISE[:, :n_samples]
    found = joined(PymssSeparator(Shares(0.7, 0.3), settings, "", "", "cpu"), song)
    np.testing.assert_allclose(found, 0.3 * song, atol=1e-5)


def test_a_network_for_the_accompaniment_gives_the_rest_as_vocals() -> None:
    settings = ChunkSettings(RATE, CHUNK, 2, ("instrumental",))
    found = joined(PymssSeparator(Shares(0.7), settings, "", "", "cpu"), NOISE)
    np.testing.assert_allclose(found, 0.3 * NOISE, atol=1e-5)


def test_a_long_song_is_held_in_memory_only_in_part() -> None:
    taken = 0

    def blocks() -> Iterator[np.ndarray]:
        nonlocal taken
        for _ in range(50):
            taken += CHUNK
            yield NOISE[:, :CHUNK]

    separator = PymssSeparator(Shares(0.5), ChunkSettings(RATE, CHUNK, 4, ("vocals",)), "", "", "cpu")
    given, ahead = 0, []
    for vocals in separator.vocals(blocks(), 50 * CHUNK):
        ahead.append(taken - given)
        given += vocals.shape[1]
    assert given == 50 * CHUNK and max(ahead) <= 2 * CHUNK


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("suffix", [".ckpt", ".safetensors"])
def test_each_kind_of_network_is_built_loaded_and_applied(kind: str, suffix: str, tmp_path: Path) -> None:
    core = pytest.importorskip("pymss_core")
    config, weights = tmp_path / f"{kind}.yaml", tmp_path / f"{kind}{suffix}"
    config.write_text(CONFIGS[kind])
    torch.manual_seed(0)
    network, _ = core.get_model_from_config("auto", str(config))
    if suffix == ".safetensors":
        save_file({name: one.clone() for name, one in network.state_dict().items()}, weights)
    else:
        torch.save({"state": network.state_dict(), "epoch": 3}, weights)
    separator = load_separator(str(weights))
    assert separator.name == weights.name and separator.sample_rate == RATE
    song = 0.1 * NOISE[:, : 3 * CHUNK]
    found = separate(song, RATE, separator)
    assert found.vocals.shape == song.shape and np.isfinite(found.vocals).all() and np.abs(found.vocals).max() > 0
    assert np.abs(found.song - song).max() < 1e-6
    assert separator.identity == load_pymss(weights).identity


def test_weights_that_do_not_fit_and_missing_configurations_are_errors(tmp_path: Path) -> None:
    weights = tmp_path / "a.ckpt"
    torch.save({"state_dict": {"x": torch.zeros(1)}}, weights)
    with pytest.raises(ConfigError, match=r"needs its configuration beside it: a\.yaml"):
        load_separator(str(weights))
    pytest.importorskip("pymss_core")
    (tmp_path / "a.yaml").write_text(CONFIGS["mel_band_roformer"])
    with pytest.raises(CheckpointError, match=r"a\.ckpt does not fit .*a\.yaml"):
        load_separator(str(weights))
    torch.save({"state_dict": "none"}, weights)
    with pytest.raises(CheckpointError, match="contains no weights"):
        load_separator(str(weights))


TRAINING = "training: {instruments: [vocals, other]}\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("lyrics", "is not the configuration of a separator"),
        ("a: [", "cannot read the configuration"),
        ("a: !!python/object/apply:os.system [ls]", "cannot read the configuration"),
        (AUDIO, "it lacks the key 'training'"),
        ("audio: {chunk_size: much}\n" + TRAINING, "invalid literal"),
        ("audio: {chunk_size: 44100, num_channels: 1}\n" + TRAINING, "a network for 1 channels"),
        ("audio: {chunk_size: 0}\n" + TRAINING, "too low"),
        (AUDIO + "training: {instruments: [drums, bass]}", "without vocals among its stems: drums, bass"),
        (AUDIO + "training: {instruments: [vocals, drums], target_instrument: drums}", "without vocals"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_an_error(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ConfigError, match=reason):
        load_pymss(tmp_path / "a.ckpt", tmp_path / "a.yaml")


def test_without_the_extra_the_error_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymss_core", None)
    (tmp_path / "a.yaml").write_text(CONFIGS["bs_roformer"])
    (tmp_path / "a.ckpt").touch()
    with pytest.raises(MissingExtraError, match=r"separator a\.ckpt needs the extra 'separation'"):
        load_separator(str(tmp_path / "a.ckpt"))
