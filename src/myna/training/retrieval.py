"""Computation of retrieval data: k-means centroids or a retrieval index of each speaker's content features."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from myna.config import Config
from myna.errors import ConfigError
from myna.progress import Progress, silent
from myna.retrieval import retrieval_file
from myna.retrieval.kmeans import k_means
from myna.training.clip_list import list_clips, locked_clips
from myna.training.features_file import features_path, read_features

# For a speaker with more frames than this, the index contains centroids instead of frames; an hour of content has
# 180,000 frames. RVC does this above 200,000 frames, also with 10,000 centroids.
_MAX_FRAMES = 100_000
_N_CENTROIDS = 10_000


@dataclass(frozen=True)
class RetrievalSummary:
    """Facts about the written retrieval file."""

    n_clips: int
    n_frames: int  # content frames of all speakers, without repeated frames
    sizes: dict[str, int]  # number of vectors of each speaker


def train_centroids(
    config: Config, output: Path, n_clusters: int = 2000, *, progress: Progress = silent
) -> RetrievalSummary:
    """Write `n_clusters` k-means centroids of each speaker's content, in so-vits-svc-fork's format.

    Raises:
        ConfigError, MynaError: clips or features are missing, or the features are from a different content encoder.
    """
    frames, n_clips = _read_frames(config, progress)
    centroids = {
        speaker: k_means(own, n_clusters, config.train.seed, title=f"clusters of {speaker}", progress=progress)
        for speaker, own in frames.items()
    }
    retrieval_file.write_centroids(output, centroids)
    return _summary(n_clips, frames, centroids)


def train_index(config: Config, output: Path, *, progress: Progress = silent) -> RetrievalSummary:
    """Write a retrieval index of each speaker's content frames, or of their centroids if there are too many frames.

    Raises:
        ConfigError, MynaError: clips or features are missing, or the features are from a different content encoder.
    """
    frames, n_clips = _read_frames(config, progress)
    vectors = {
        speaker: k_means(own, _N_CENTROIDS, config.train.seed, title=f"centroids of {speaker}", progress=progress)
        if len(own) > _MAX_FRAMES
        else own
        for speaker, own in frames.items()
    }
    retrieval_file.write_index(output, vectors)
    return _summary(n_clips, frames, vectors)


def _read_frames(config: Config, progress: Progress) -> tuple[dict[str, Tensor], int]:
    """Return the content frames of each speaker's training clips, (N, C), and the number of clips.

    Frames that equal the previous frame are left out.
    """
    clips = list_clips(config.data.training_files, config)
    found: dict[int, list[Tensor]] = {}
    with locked_clips(clips, config):
        for clip in progress(clips, title="reading", unit="clips"):
            content = read_features(features_path(clip.path)).features.content.float()
            if content.shape[0] != config.model.content_channels:
                raise ConfigError(
                    f"the content of {clip.path} has {content.shape[0]} channels, but the voice takes "
                    f"{config.model.content_channels} (model.ssl_dim); run svc pre-hubert again"
                )
            differs = (content.diff(dim=1) != 0).any(0)
            found.setdefault(clip.speaker, []).append(content.T[torch.cat([differs.new_ones(1), differs])])
    names = {index: name for name, index in config.speakers.items()}
    return {names[index]: torch.cat(parts) for index, parts in sorted(found.items())}, len(clips)


def _summary(n_clips: int, frames: dict[str, Tensor], vectors: dict[str, Tensor]) -> RetrievalSummary:
    return RetrievalSummary(
        n_clips=n_clips,
        n_frames=sum(map(len, frames.values())),
        sizes={speaker: len(own) for speaker, own in vectors.items()},
    )
