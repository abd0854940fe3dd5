"""Prepared clips as batches, in an order and with cuts that depend on nothing but the seed and the epoch.

So a run that was interrupted in the middle of an epoch goes on with the very batches that it would have seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from myna.audio import io
from myna.audio.spectrogram import spectrogram
from myna.config import Config
from myna.errors import ConfigError
from myna.features.contour import fill_unvoiced
from myna.features.extractor import Features
from myna.features.loudness import FLOOR_DB
from myna.models.interface import Conditions, TrainingInput
from myna.training.clip_list import Clip
from myna.training.families import MAX_FRAMES, training_family
from myna.training.features_file import features_path, read_features

_QUIETEST_GAIN = -1.0  # of the volume augmentation, in powers of ten, as so-vits-svc 4.1 draws it
_LOUDEST_GAIN = 1.0

ClipIndex = tuple[int, int]  # epoch, and index of the clip


@dataclass(frozen=True)
class Example:
    """One clip, or the piece that was cut from it: T frames and their T * hop_length samples."""

    content: Tensor  # (C, T)
    f0: Tensor  # (T,) Hz, gaps filled
    voiced: Tensor  # (T,)
    loudness: Tensor  # (T,) dB
    spectrogram: Tensor  # (n_fft / 2 + 1, T)
    audio: Tensor  # (T * hop_length,)
    highest_hz: float  # above it the recording holds nothing
    speaker: int
    path: Path


@dataclass(frozen=True)
class Batch:
    """Clips side by side, padded to one length."""

    input: TrainingInput
    audio: Tensor  # (B, 1, T * hop_length)
    highest_hz: Tensor  # (B,)
    paths: list[Path]

    def to(self, device: torch.device) -> Batch:
        return Batch(self.input.to(device), self.audio.to(device), self.highest_hz.to(device), self.paths)


class ClipDataset(Dataset[Example]):
    """Clips with their features, cut to at most `most_frames`."""

    def __init__(self, clips: Sequence[Clip], config: Config) -> None:
        if config.train.vol_aug and not config.model.loudness_embedding:
            raise ConfigError("train.vol_aug needs a voice that follows loudness: model.vol_embedding")
        self.clips = clips
        self.config = config
        self.most_frames = training_family(config).excerpt_frames(config)

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: ClipIndex) -> Example:
        """The clip as it is heard in that epoch."""
        random = np.random.default_rng((self.config.train.seed, *index))
        clip = self.clips[index[1]]
        loud = bool(self.config.train.vol_aug and random.random() < 0.5)
        gain = random.random() if loud else None
        start = int(random.integers(0, max(clip.n_frames - self.most_frames, 0) + 1))
        version = int(random.integers(1 + self.config.data.content_versions)) - 1
        return self.piece(index[1], start, self.most_frames, gain, version if version >= 0 else None)

    def beginning(self, index: int) -> Example:
        """The first frames of a clip, for validation: the same each time."""
        return self.piece(index, 0, MAX_FRAMES)

    def piece(
        self, index: int, start: int, n_frames: int, gain: float | None = None, version: int | None = None
    ) -> Example:
        """Frames of a clip.

        Args:
            n_frames: at most so many.
            gain: louder or softer, from 0 to 1 of what there is to choose from; None leaves it as it is.
            version: which of its versions is heard; None is the clip itself.

        Raises:
            ConfigError: features and clip do not belong together.
        """
        clip, data = self.clips[index], self.config.data
        features, highest_hz, versions = read_features(features_path(clip.path))
        if len(versions) != data.content_versions:
            raise ConfigError(
                f"the features of {clip.path} are not for data.content_versions {data.content_versions}; "
                "run svc pre-hubert again"
            )
        audio = torch.from_numpy(io.read(clip.path, data.sample_rate)[0])
        self._check(clip, features, len(audio) // data.hop_length)
        power = 0.0 if gain is None else _power_of_ten(audio, gain)
        audio = audio[: features.n_frames * data.hop_length] * 10**power
        frames = slice(start, min(start + n_frames, features.n_frames))
        heard = features if version is None else versions[version]
        return Example(
            content=heard.content[:, frames].float(),
            f0=fill_unvoiced(features.f0.float())[frames],
            voiced=features.voiced[frames],
            loudness=heard.loudness[frames].float() + 20 * power,
            spectrogram=_spectrogram(audio, frames, self.config),
            audio=audio[frames.start * data.hop_length : frames.stop * data.hop_length],
            highest_hz=highest_hz,
            speaker=clip.speaker,
            path=clip.path,
        )

    def _check(self, clip: Clip, features: Features, n_frames: int) -> None:
        channels, wanted = features.content.shape[0], self.config.model.content_channels
        if channels != wanted:
            raise ConfigError(
                f"the content of {clip.path} has {channels} channels and the voice wants {wanted} (model.ssl_dim); "
                "run svc pre-hubert again"
            )
        if features.n_frames != n_frames:
            raise ConfigError(
                f"{clip.path} has {n_frames} frames and its features {features.n_frames}; run svc pre-hubert again"
            )


class EpochBatches(Sampler[list[ClipIndex]]):
    """The batches of one process in one epoch: every clip once, in an order drawn anew for each epoch.

    All processes have equally many batches; where the clips do not go round, some are heard twice.
    """

    def __init__(self, n_clips: int, batch_size: int, seed: int, rank: int = 0, world_size: int = 1) -> None:
        self.n_clips = n_clips
        self.batch_size = batch_size
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0
        self.first_batch = 0

    @property
    def n_batches(self) -> int:
        """In a whole epoch."""
        return -(-self._clips_per_process // self.batch_size)

    @property
    def _clips_per_process(self) -> int:
        return -(-self.n_clips // self.world_size)

    def __len__(self) -> int:
        return self.n_batches - self.first_batch

    def __iter__(self) -> Iterator[list[ClipIndex]]:
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.n_clips)
        dealt = np.resize(order, self._clips_per_process * self.world_size)[self.rank :: self.world_size]
        for start in range(self.first_batch * self.batch_size, len(dealt), self.batch_size):
            yield [(self.epoch, int(index)) for index in dealt[start : start + self.batch_size]]


@dataclass(frozen=True)
class Collate:
    """Put clips side by side, padded to the longest and to what the decoder makes in a step."""

    least_frames: int

    def __call__(self, examples: Sequence[Example]) -> Batch:
        lengths = [example.f0.shape[0] for example in examples]
        n_frames = max(self.least_frames, *lengths)
        hop_length = examples[0].audio.shape[0] // lengths[0]

        def padded(name: str, length: int = n_frames, value: float = 0.0) -> Tensor:
            tensors = [getattr(example, name) for example in examples]
            return torch.stack([F.pad(tensor, (0, length - tensor.shape[-1]), value=value) for tensor in tensors])

        return Batch(
            TrainingInput(
                Conditions(
                    content=padded("content"),
                    f0=padded("f0"),
                    voiced=padded("voiced"),
                    speaker=torch.tensor([example.speaker for example in examples]),
                    loudness=padded("loudness", value=FLOOR_DB),
                ),
                spectrogram=padded("spectrogram"),
                lengths=torch.tensor(lengths),
            ),
            audio=padded("audio", n_frames * hop_length).unsqueeze(1),
            highest_hz=torch.tensor([example.highest_hz for example in examples]),
            paths=[example.path for example in examples],
        )


def _spectrogram(audio: Tensor, frames: slice, config: Config) -> Tensor:
    """Of some frames of a clip (N,), as they are in the spectrogram of the whole: (n_fft / 2 + 1, T)."""
    data = config.data
    context = -(-(data.n_fft - data.hop_length) // (2 * data.hop_length))  # frames on a side that reach into one
    first = max(frames.start - context, 0)
    heard = audio[first * data.hop_length : (frames.stop + context) * data.hop_length]
    found = spectrogram(heard.unsqueeze(0), data.n_fft, data.hop_length, data.win_length)[0]
    return found[:, frames.start - first : frames.stop - first]


def _power_of_ten(audio: Tensor, share: float) -> float:
    """By which power of ten to make a clip louder or softer, short of clipping, so that a voice follows loudness."""
    loudest = max(min(_LOUDEST_GAIN, -np.log10(max(float(audio.abs().max()), 1e-5))), _QUIETEST_GAIN)
    return float(_QUIETEST_GAIN + share * (loudest - _QUIETEST_GAIN))
