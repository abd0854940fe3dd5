"""Retrieval data of a voice's speakers, read from files of so-vits-svc, RVC or myna."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from torch import Tensor

from myna.config import Config
from myna.errors import CheckpointError, ConfigError
from myna.retrieval import retrieval_file
from myna.retrieval.retrieval_file import NAMES, RetrievalFile
from myna.retrieval.search import Centroids, Index, Retrieval
from myna.zoo import packing

_KINDS: dict[retrieval_file.Kind, Callable[[Tensor], Retrieval]] = {"index": Index, "centres": Centroids}


@dataclass(frozen=True)
class SpeakerRetrieval:
    """Retrieval data (an index or k-means centroids) of each speaker."""

    path: Path
    by_speaker: Mapping[retrieval_file.Speaker, Retrieval]
    speakers: Mapping[str, int]  # indices of the voice's speakers by name

    @classmethod
    def load(cls, path: Path, config: Config, device: str = "cpu") -> Self:
        """Read k-means centroids or an index for the voice of `config`.

        Raises:
            CheckpointError: the file contains neither.
            ConfigError: its content has another number of channels than the voice's.
        """
        file = read_retrieval(path, config)
        by_speaker = {speaker: _KINDS[file.kind](vectors.to(device)) for speaker, vectors in file.vectors.items()}
        return cls(path, by_speaker, config.speakers)

    def of(self, index: int) -> Retrieval:
        """Return the retrieval data of a speaker; a file with only one speaker's data is used for all.

        Raises:
            ConfigError: the file has no data of this speaker.
        """
        if len(self.by_speaker) == 1:
            return next(iter(self.by_speaker.values()))
        names = [name for name, own in self.speakers.items() if own == index]
        keys: tuple[retrieval_file.Speaker, ...] = (*names, index, str(index))
        for key in keys:
            if key in self.by_speaker:
                return self.by_speaker[key]
        known = ", ".join(sorted(map(str, self.by_speaker)))
        raise ConfigError(f"{self.path} has no data of {' or '.join(names) or f'speaker {index}'}; it has: {known}")


def read_retrieval(path: Path, config: Config) -> RetrievalFile:
    """Read the k-means centroids or the index in `path`, which may be a packed voice, for the voice of `config`.

    Raises:
        CheckpointError: the file contains neither.
        ConfigError: its content has another number of channels than the voice's.
    """
    if packing.read_card(path) is None:
        file = retrieval_file.read(path)
    else:
        packed = packing.read_packed(path).retrieval
        if packed is None:
            raise CheckpointError(f"{path} is a packed voice without an index; pack it with --index FILE")
        file = packed
    for vectors in file.vectors.values():
        found, wanted = vectors.shape[1], config.model.content_channels
        if found != wanted:
            raise ConfigError(f"{path} is made for another content encoder ({found} channels instead of {wanted})")
    return file


def find_retrieval(voice: Path) -> Path | None:
    """Return the file with a voice's index or k-means centroids, its own or one beside it; None where there is none."""
    card = packing.read_card(voice)
    if card is not None and card.retrieval is not None:
        return voice
    paths = (voice.with_name(name) for name in NAMES.values())
    return next((path for path in paths if path.is_file()), None)


def require_retrieval(voice: Path) -> Path:
    """Return the file with a voice's index or k-means centroids.

    Raises:
        ConfigError: there is none.
    """
    if (path := find_retrieval(voice)) is not None:
        return path
    raise ConfigError(
        f"there is no {' or '.join(NAMES.values())} in or beside {voice}; make one with svc train-index, or name a "
        "file with -k"
    )
