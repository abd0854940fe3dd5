"""Batches of prepared clips. The order of the clips and the random excerpts depend only on the seed and the epoch.

Therefore, a run that was interrupted during an epoch resumes with the rest of the epoch's batches.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from myna.audio import io
from myna.audio.spectrogram import spectrogram
from myna.config import Config, DataConfig
from myna.errors import ConfigError
from myna.features.contour import fill_unvoiced
from myna.features.extractor import Features
from myna.features.loudness import FLOOR_DB
from myna.models.interface import Conditions, TrainingInput
from myna.training.clip_list import Clip
from myna.training.families import MAX_FRAMES, training_family
from myna.training.features_file import features_path, read_features
from myna.units import semitones_to_ratio

# Range of gains for the volume augmentation, as exponents of ten, as in so-vits-svc 4.1.
_QUIETEST_GAIN = -1.0
_LOUDEST_GAIN = 1.0

ClipIndex = tuple[int, int]  # epoch, and index of the clip


class Analysis(Protocol):
    """Spectrogram of the clips that a training uses."""

    @property
    def window(self) -> int:
        """Number of samples that a frame depends on, without a key shift."""
        ...

    def __call__(self, audio: Tensor, key_shift: float) -> Tensor:
        """Compute the spectrogram (C, T) of audio (N,), transposed by `key_shift` semitones; T = N // hop_length."""
        ...


@dataclass(frozen=True)
class Magnitudes:
    """Linear magnitude spectrogram with the settings of a voice; it has no key shift."""

    data: DataConfig

    @property
    def window(self) -> int:
        return self.data.n_fft

    def __call__(self, audio: Tensor, key_shift: float) -> Tensor:
        data = self.data
        return spectrogram(audio[None], data.n_fft, data.hop_length, data.win_length, data.power_floor)[0]


@dataclass(frozen=True)
class Excerpts:
    """Kind of the excerpts that a training takes from the clips."""

    max_frames: int
    varied_level: bool  # whether half of the excerpts get a random level
    analysis: Analysis
    max_key_shift: float = 0.0  # largest transposition of the excerpts with a random level, up or down, in semitones

    @classmethod
    def of_voice(cls, config: Config) -> Self:
        """Return the excerpts for the training of a voice; raise `ConfigError` if the voice cannot use them."""
        varies_with_level = config.model.loudness_embedding or config.model.synthesizer == "vocoder"
        if config.train.vol_aug and not varies_with_level:
            raise ConfigError("train.vol_aug needs a voice that is conditioned on loudness: set model.vol_embedding")
        max_frames = training_family(config).excerpt_frames(config)
        return cls(max_frames, config.train.vol_aug, Magnitudes(config.data))


@dataclass(frozen=True)
class Example:
    """A clip, or an excerpt of a clip: T frames and their T * hop_length samples."""

    content: Tensor  # (C, T)
    f0: Tensor  # (T,) Hz, interpolated across unvoiced frames
    voiced: Tensor  # (T,) True in voiced frames
    loudness: Tensor  # (T,) dB
    spectrogram: Tensor  # (C, T) of the training's `Analysis`
    audio: Tensor  # (T * hop_length,), without the key shift
    bandwidth_hz: float  # highest frequency in the recording
    speaker: int
    path: Path
    key_shift: float = 0.0  # transposition of `f0` and `spectrogram` in semitones


@dataclass(frozen=True)
class Batch:
    """Examples, padded to the same length."""

    input: TrainingInput
    audio: Tensor  # (B, 1, T * hop_length)
    bandwidth_hz: Tensor  # (B,)
    key_shift: Tensor  # (B,) semitones
    paths: list[Path]

    def to(self, device: torch.device) -> Batch:
        return Batch(
            self.input.to(device),
            self.audio.to(device),
            self.bandwidth_hz.to(device),
            self.key_shift.to(device),
            self.paths,
        )


class ClipDataset(Dataset[Example]):
    """Clips with their features; each item is an excerpt.

    Args:
        excerpts: kind of the excerpts; None for those of the voice that `config` describes.
    """

    def __init__(self, clips: Sequence[Clip], config: Config, excerpts: Excerpts | None = None) -> None:
        self.clips = clips
        self.config = config
        self.excerpts = excerpts or Excerpts.of_voice(config)

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: ClipIndex) -> Example:
        """Return a random, randomly augmented excerpt of a clip; `index` is (epoch, index of the clip)."""
        random, kind = np.random.default_rng((self.config.train.seed, *index)), self.excerpts
        clip = self.clips[index[1]]
        varied = bool(kind.varied_level and random.random() < 0.5)
        gain = random.random() if varied else None
        start = int(random.integers(0, max(clip.n_frames - kind.max_frames, 0) + 1))
        version = int(random.integers(1 + self.config.data.content_versions)) - 1
        shifted = varied and kind.max_key_shift > 0
        key_shift = float(random.uniform(-kind.max_key_shift, kind.max_key_shift)) if shifted else 0.0
        return self.excerpt(index[1], start, kind.max_frames, gain, version if version >= 0 else None, key_shift)

    def beginning(self, index: int) -> Example:
        """Return the beginning of a clip, at most `MAX_FRAMES` frames, without augmentation."""
        return self.excerpt(index, 0, MAX_FRAMES)

    def excerpt(
        self,
        index: int,
        start: int,
        n_frames: int,
        gain: float | None = None,
        version: int | None = None,
        key_shift: float = 0.0,
    ) -> Example:
        """Return an excerpt of a clip that begins at frame `start`.

        Args:
            n_frames: maximum number of frames.
            gain: position in the range of gains, from 0 for the lowest gain to 1 for the highest gain without clipping;
                None keeps the level.
            version: index of the augmented version for content and loudness; None uses those of the clip.
            key_shift: transposition of f0 and the spectrogram in semitones.

        Raises:
            ConfigError: the features do not match the clip or the configuration.
        """
        clip, data = self.clips[index], self.config.data
        features, bandwidth_hz, versions = read_features(features_path(clip.path))
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
        source = features if version is None else versions[version]
        return Example(
            content=source.content[:, frames].float(),
            f0=fill_unvoiced(features.f0.float())[frames] * semitones_to_ratio(key_shift),
            voiced=features.voiced[frames],
            loudness=source.loudness[frames].float() + 20 * power,
            spectrogram=_spectrogram(audio, frames, data.hop_length, self.excerpts.analysis, key_shift),
            audio=audio[frames.start * data.hop_length : frames.stop * data.hop_length],
            bandwidth_hz=bandwidth_hz,
            speaker=clip.speaker,
            path=clip.path,
            key_shift=key_shift,
        )

    def _check(self, clip: Clip, features: Features, n_frames: int) -> None:
        channels, wanted = features.content.shape[0], self.config.model.content_channels
        if channels != wanted:
            raise ConfigError(
                f"the content of {clip.path} has {channels} channels, but the voice takes {wanted} (model.ssl_dim); "
                "run svc pre-hubert again"
            )
        if features.n_frames != n_frames:
            raise ConfigError(
                f"{clip.path} has {n_frames} frames, but its features {features.n_frames}; run svc pre-hubert again"
            )


class EpochBatches(Sampler[list[ClipIndex]]):
    """Batches of one process in one epoch. The order of the clips is random and differs between epochs.

    The clips are divided among the processes. If their number is not a multiple of the number of processes, some clips
    are repeated, so that all processes have the same number of batches.
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
        """Number of batches in a whole epoch."""
        return -(-self._clips_per_process // self.batch_size)

    @property
    def _clips_per_process(self) -> int:
        return -(-self.n_clips // self.world_size)

    def __len__(self) -> int:
        return self.n_batches - self.first_batch

    def __iter__(self) -> Iterator[list[ClipIndex]]:
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.n_clips)
        own = np.resize(order, self._clips_per_process * self.world_size)[self.rank :: self.world_size]
        for start in range(self.first_batch * self.batch_size, len(own), self.batch_size):
            yield [(self.epoch, int(index)) for index in own[start : start + self.batch_size]]


@dataclass(frozen=True)
class Collate:
    """Combine examples into a batch, padded to the longest example and to at least `min_frames`.

    In the training of a voice, `min_frames` is the length of the segment that the decoder computes in a step.
    """

    min_frames: int
    silence: float = 0.0  # value of the spectrogram in the padding

    def __call__(self, examples: Sequence[Example]) -> Batch:
        lengths = [example.f0.shape[0] for example in examples]
        n_frames = max(self.min_frames, *lengths)
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
                spectrogram=padded("spectrogram", value=self.silence),
                lengths=torch.tensor(lengths),
            ),
            audio=padded("audio", n_frames * hop_length).unsqueeze(1),
            bandwidth_hz=torch.tensor([example.bandwidth_hz for example in examples]),
            key_shift=torch.tensor([example.key_shift for example in examples]),
            paths=[example.path for example in examples],
        )


def _spectrogram(audio: Tensor, frames: slice, hop_length: int, analysis: Analysis, key_shift: float) -> Tensor:
    """Compute the given frames of a clip's spectrogram, (C, T), from the audio of the whole clip (N,)."""
    window = math.ceil(analysis.window * semitones_to_ratio(key_shift))
    context = -(-(window - hop_length) // (2 * hop_length))  # frames covered by a window on each side
    first = max(frames.start - context, 0)
    needed = audio[first * hop_length : (frames.stop + context) * hop_length]
    return analysis(needed, key_shift)[:, frames.start - first : frames.stop - first]


def _power_of_ten(audio: Tensor, share: float) -> float:
    """Return a gain as an exponent of ten: the lowest gain for `share` 0, the highest gain without clipping for 1."""
    loudest = max(min(_LOUDEST_GAIN, -np.log10(max(float(audio.abs().max()), 1e-5))), _QUIETEST_GAIN)
    return float(_QUIETEST_GAIN + share * (loudest - _QUIETEST_GAIN))
