"""K-means centroids and indexes of a prepared data set: the functions and the two commands."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import make_dataset

from myna.apps.cli import main
from myna.config import Config
from myna.errors import ConfigError
from myna.retrieval import retrieval_file
from myna.retrieval.kmeans import k_means
from myna.retrieval.search import nearest
from myna.training import retrieval
from myna.training.features_file import features_path, read_features
from myna.training.retrieval import train_centroids, train_index


def scattered(n: int = 5000) -> torch.Tensor:
    return torch.randn(n, 8, generator=torch.Generator().manual_seed(0))


def squared_error(vectors: torch.Tensor, centroids: torch.Tensor) -> float:
    return float((vectors - centroids[nearest(vectors, centroids)]).square().sum(1).mean())


def test_centroids_of_small_batches_are_about_as_good_as_after_lloyds_algorithm() -> None:
    """Lloyd's algorithm starts from the centroids that small batches found."""
    vectors = scattered()
    centroids = k_means(vectors, 100)
    better = centroids
    for _ in range(20):
        labels = nearest(vectors, better)
        sums = torch.zeros_like(better).index_add_(0, labels, vectors)
        better = sums / torch.bincount(labels, minlength=100).clamp(min=1).unsqueeze(1)
    assert centroids.shape == (100, 8)
    assert squared_error(vectors, centroids) < 1.05 * squared_error(vectors, better)
    assert squared_error(vectors, centroids) < 0.85 * squared_error(vectors, vectors[:100])


def test_centroids_follow_from_the_seed_and_few_vectors_are_their_own() -> None:
    vectors = scattered(300)
    assert torch.equal(k_means(vectors, 10, seed=3), k_means(vectors, 10, seed=3))
    assert not torch.equal(k_means(vectors, 10, seed=3), k_means(vectors, 10, seed=4))
    assert torch.equal(k_means(vectors, 300), vectors) and torch.equal(k_means(vectors, 10**6), vectors)


@pytest.fixture
def config_path(tmp_path: Path) -> Path:
    path = make_dataset(tmp_path)
    # The last clip is shorter than a frame, which training refuses, too.
    lines = (tmp_path / "train.txt").read_text().splitlines()[:-1]
    (tmp_path / "train.txt").write_text("\n".join(lines))
    return path


def own_content(config: Config) -> torch.Tensor:
    clips = map(Path, Path(config.data.training_files).read_text().splitlines())
    return torch.cat([read_features(features_path(clip)).features.content.T for clip in clips])


def test_an_index_contains_every_frame_once(config_path: Path, tmp_path: Path) -> None:
    config = Config.read(config_path)
    summary = train_index(config, tmp_path / "index.safetensors")
    expected = own_content(config)
    file = retrieval_file.read(tmp_path / "index.safetensors")
    assert (file.kind, list(file.vectors)) == ("index", ["anna"])
    torch.testing.assert_close(file.vectors["anna"], expected, atol=2e-3, rtol=1e-3)  # in half precision
    assert (summary.n_clips, summary.n_frames, summary.sizes) == (4, len(expected), {"anna": len(expected)})


def test_an_index_of_very_many_frames_contains_centroids(
    config_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval, "_MAX_FRAMES", 50)
    monkeypatch.setattr(retrieval, "_N_CENTROIDS", 20)
    assert train_index(Config.read(config_path), tmp_path / "index.safetensors").sizes == {"anna": 20}


def test_repeated_frames_count_once(config_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config.read(config_path)
    expected = len(own_content(config))
    read = retrieval.read_features

    def stretched(path: Path) -> object:
        original = read(path)
        content = original.features.content.repeat_interleave(2, dim=1)
        return original._replace(features=type("Stretched", (), {"content": content}))

    monkeypatch.setattr(retrieval, "read_features", stretched)
    assert train_index(config, tmp_path / "index.safetensors").n_frames == expected


def test_each_speaker_has_its_own_centroids(config_path: Path, tmp_path: Path) -> None:
    config = Config.read(config_path)
    shutil.copytree(tmp_path / "dataset" / "anna", tmp_path / "dataset" / "boris")
    lines = Path(config.data.training_files).read_text()
    Path(config.data.training_files).write_text(lines + "\n" + lines.replace("anna", "boris"))
    config = config.with_values(spk={"anna": 0, "boris": 1})
    summary = train_centroids(config, tmp_path / "kmeans.pt", 12)
    assert summary.sizes == {"anna": 12, "boris": 12}
    assert retrieval_file.read(tmp_path / "kmeans.pt").vectors["boris"].shape == (12, 6)


def test_content_of_another_encoder_is_refused(config_path: Path, tmp_path: Path) -> None:
    config = Config.read(config_path).with_values(model={"ssl_dim": 7})
    with pytest.raises(ConfigError, match="has 6 channels, but the voice takes 7"):
        train_index(config, tmp_path / "index.safetensors")
    assert not (tmp_path / "index.safetensors").exists()


def svc(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(arguments))
    return int(left.value.code or 0)


@pytest.mark.parametrize(
    ("command", "options", "output"),
    [
        ("train-index", [], "logs/44k/index.safetensors"),
        ("train-cluster", ["-n", "9"], "logs/44k/kmeans.pt"),
        ("train-cluster", [], "logs/44k/kmeans.pt"),
    ],
)
def test_the_commands_print_the_next_command(
    command: str,
    options: list[str],
    output: str,
    config_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert svc(command, "-c", str(config_path), *options) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f"{Path(output)}: ") and last.endswith(f"Next: svc infer song.wav -k {output} -r 0.5")
    (own,) = retrieval_file.read(Path(output)).vectors.values()
    assert own.shape[1] == 6 and np.isfinite(own.numpy()).all()
    assert len(own) == (9 if options else len(own_content(Config.read(config_path))))


def test_an_unprepared_data_set_is_a_one_line_error(
    config_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    features_path(tmp_path / "dataset" / "anna" / "0.wav").unlink()
    assert svc("train-index", "-c", str(config_path)) == 5
    assert "run svc pre-hubert again" in capsys.readouterr().err.splitlines()[-1]
    assert svc("train-cluster", "-c", "nowhere.json") == 5
