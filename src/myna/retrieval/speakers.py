"""Retrieval data of the speakers of a voice, read from files of so-vits-svc, RVC or myna."""

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
    speakers: Mapping[str, int]  # index of each speaker of the voice, by name

    @classmethod
    def load(cls, path: Path, config: Config, device: str = "cpu") -> Self:
        """Read the k-means centroids or the index in a file for the voice with this `config`.

        Raises:
            CheckpointError: the file contains neither centroids nor an index.
            ConfigError: the file and the voice have different numbers of content channels.
        """
        file = read_retrieval(path, config)
        by_speaker = {speaker: _KINDS[file.kind](vectors.to(device)) for speaker, vectors in file.vectors.items()}
        return cls(path, by_speaker, config.speakers)

    def of(self, index: int) -> Retrieval:
        """Return the retrieval data of the speaker with this index.

        Data of a file with only one speaker are used for all speakers of the voice.

        Raises:
            ConfigError: the file contains no data for this speaker.
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
    """Read the k-means centroids or the index in a file for the voice with this `config`.

    Args:
        path: a retrieval file, or a packed voice that contains retrieval data.
        config: configuration of the voice.

    Raises:
        CheckpointError: the file contains neither centroids nor an index.
        ConfigError: the file and the voice have different numbers of content channels.
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
    """Find the file that contains the index or the k-means centroids of a voice.

    This is the file of the voice if it contains them, else a file beside the voice. None if there is none.
    """
    card = packing.read_card(voice)
    if card is not None and card.retrieval is not None:
        return voice
    paths = (voice.with_name(name) for name in NAMES.values())
    return next((path for path in paths if path.is_file()), None)


def require_retrieval(voice: Path) -> Path:
    """Find the file that contains the index or the k-means centroids of a voice, like `find_retrieval`.

    Raises:
        ConfigError: there is no such file.
    """
    if (path := find_retrieval(voice)) is not None:
        return path
    raise ConfigError(
        f"there is no {' or '.join(NAMES.values())} in or beside {voice}; make one with svc train-index, or name a "
        "file with -k"
    )
