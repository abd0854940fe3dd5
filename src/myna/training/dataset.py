"""Prepared clips as batches, in an order and with cuts that depend on nothing but the seed and the epoch.

So a run that was interrupted in the middle of an epoch goes on with the very batches that it would have seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
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
from myna.models.synthesizer import SynthesizerInput
from myna.training.features_file import features_path, read_features

MAX_FRAMES = 800  # longer clips are cut, each epoch elsewhere; the predecessors' number
_QUIETEST_GAIN = -1.0  # of the volume augmentation, in powers of ten, as so-vits-svc 4.1 draws it
_LOUDEST_GAIN = 1.0
_SHOWN_CLIPS = 3

ClipIndex = tuple[int, int]  # epoch, and index of the clip


@dataclass(frozen=True)
class Clip:
    """A prepared recording."""

    path: Path
    speaker: int
    n_frames: int


@dataclass(frozen=True)
class Example:
    """One clip, or the piece that was cut from it: T frames and their T * hop_length samples."""

    content: Tensor  # (C, T)
    f0: Tensor  # (T,) Hz, gaps filled
    voiced: Tensor  # (T,)
    loudness: Tensor  # (T,) dB
    spectrogram: Tensor  # (n_fft / 2 + 1, T)
    audio: Tensor  # (T * hop_length,)
    speaker: int
    path: Path


@dataclass(frozen=True)
class Batch:
    """Clips side by side, padded to one length."""

    input: SynthesizerInput
    audio: Tensor  # (B, 1, T * hop_length)
    paths: list[Path]

    def to(self, device: torch.device) -> Batch:
        moved = {spec.name: getattr(self.input, spec.name).to(device) for spec in fields(self.input)}
        return Batch(SynthesizerInput(**moved), self.audio.to(device), self.paths)


def list_clips(filelist: Path | str, config: Config) -> list[Clip]:
    """The clips that a file names, a path a line.

    Raises:
        ConfigError: there is no such file, or a clip, its features or its speaker is missing.
        AudioError: a clip cannot be read.
    """
    filelist = Path(filelist)
    try:
        lines = filelist.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {filelist}: {error}; svc pre-config writes it") from error
    paths = [Path(line.strip()) for line in lines if line.strip()]
    _refuse([path for path in paths if not path.is_file()], f"are named in {filelist} but not there", "pre-config")
    _refuse([path for path in paths if not features_path(path).is_file()], "have no features", "pre-hubert")
    hop_length = config.data.hop_length
    clips = [Clip(path, _speaker(path, config), io.info(path).n_samples // hop_length) for path in paths]
    _refuse([clip.path for clip in clips if clip.n_frames == 0], "are shorter than a frame", "pre-resample")
    return clips


class ClipDataset(Dataset[Example]):
    """Clips with their features, cut to at most `MAX_FRAMES`."""

    def __init__(self, clips: Sequence[Clip], config: Config) -> None:
        if config.train.vol_aug and not config.model.loudness_embedding:
            raise ConfigError("train.vol_aug needs a voice that follows loudness: model.vol_embedding")
        self.clips = clips
        self.config = config

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: ClipIndex) -> Example:
        """The clip as it is heard in that epoch."""
        random = np.random.default_rng((self.config.train.seed, *index))
        example = self.whole(index[1])
        if self.config.train.vol_aug and random.random() < 0.5:
            example = _with_gain(example, random, self.config)
        start = int(random.integers(0, max(example.f0.shape[0] - MAX_FRAMES, 0) + 1))
        return _cut(example, start, self.config.data.hop_length)

    def beginning(self, index: int) -> Example:
        """The first frames of a clip, for validation: the same each time."""
        return _cut(self.whole(index), 0, self.config.data.hop_length)

    def whole(self, index: int) -> Example:
        """The whole clip.

        Raises:
            ConfigError: features and clip do not belong together.
        """
        clip, data = self.clips[index], self.config.data
        features = read_features(features_path(clip.path))
        audio = torch.from_numpy(io.read(clip.path, data.sample_rate)[0])
        n_frames = features.n_frames
        self._check(clip, features, len(audio) // data.hop_length)
        audio = audio[: n_frames * data.hop_length]
        return Example(
            content=features.content.float(),
            f0=fill_unvoiced(features.f0.float()),
            voiced=features.voiced,
            loudness=features.loudness.float(),
            spectrogram=_spectrogram(audio, self.config),
            audio=audio,
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

        def padded(name: str, length: int = n_frames) -> Tensor:
            tensors = [getattr(example, name) for example in examples]
            return torch.stack([F.pad(tensor, (0, length - tensor.shape[-1])) for tensor in tensors])

        return Batch(
            SynthesizerInput(
                content=padded("content"),
                f0=padded("f0"),
                voiced=padded("voiced"),
                loudness=padded("loudness"),
                speaker=torch.tensor([example.speaker for example in examples]),
                spectrogram=padded("spectrogram"),
                lengths=torch.tensor(lengths),
            ),
            audio=padded("audio", n_frames * hop_length).unsqueeze(1),
            paths=[example.path for example in examples],
        )


def _speaker(path: Path, config: Config) -> int:
    """The folder nearest to the clip that is named like a speaker says who it is."""
    for folder in path.parents:
        if folder.name in config.speakers:
            speaker = config.speakers[folder.name]
            if speaker >= config.model.n_speakers:
                raise ConfigError(
                    f"speaker {folder.name} has number {speaker}, and model.n_speakers is {config.model.n_speakers}"
                )
            return speaker
    raise ConfigError(f"{path} lies in no speaker's folder; this voice has: {', '.join(config.speakers)}")


def _refuse(paths: list[Path], what: str, command: str) -> None:
    if paths:
        names = ", ".join(map(str, paths[:_SHOWN_CLIPS])) + (" …" if len(paths) > _SHOWN_CLIPS else "")
        raise ConfigError(f"{len(paths)} clips {what}: {names}; run svc {command} again")


def _spectrogram(audio: Tensor, config: Config) -> Tensor:
    data = config.data
    return spectrogram(audio.unsqueeze(0), data.n_fft, data.hop_length, data.win_length)[0]


def _with_gain(example: Example, random: np.random.Generator, config: Config) -> Example:
    """The clip louder or softer, short of clipping, so that a voice learns to follow loudness."""
    peak = float(example.audio.abs().max())
    loudest = min(_LOUDEST_GAIN, -np.log10(max(peak, 1e-5)))
    gain = random.uniform(_QUIETEST_GAIN, max(loudest, _QUIETEST_GAIN))
    audio = example.audio * 10**gain
    return replace(example, audio=audio, loudness=example.loudness + 20 * gain, spectrogram=_spectrogram(audio, config))


def _cut(example: Example, start: int, hop_length: int) -> Example:
    """The frames from `start` on, at most `MAX_FRAMES`."""
    end = min(start + MAX_FRAMES, example.f0.shape[0])
    return replace(
        example,
        content=example.content[:, start:end],
        f0=example.f0[start:end],
        voiced=example.voiced[start:end],
        loudness=example.loudness[start:end],
        spectrogram=example.spectrogram[:, start:end],
        audio=example.audio[start * hop_length : end * hop_length],
    )
