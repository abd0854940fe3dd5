"""How each speaker of a voice says things, from a file of so-vits-svc, RVC or ours."""

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
    """A timbre a speaker."""

    path: Path
    timbres: Mapping[retrieval_file.Speaker, Retrieval]
    speakers: Mapping[str, int]  # of the voice, by name

    @classmethod
    def load(cls, path: Path, config: Config, device: str = "cpu") -> Self:
        """Read a cluster model or an index for the voice of `config`.

        Raises:
            CheckpointError: it is none.
            ConfigError: its content is another encoder's than the voice's.
        """
        file = read_retrieval(path, config)
        timbres = {speaker: _KINDS[file.kind](vectors.to(device)) for speaker, vectors in file.vectors.items()}
        return cls(path, timbres, config.speakers)

    def of(self, row: int) -> Retrieval:
        """The timbre of the speaker in this row of the embedding; a file with a single one has it for all.

        Raises:
            ConfigError: it knows others only.
        """
        if len(self.timbres) == 1:
            return next(iter(self.timbres.values()))
        names = [name for name, own in self.speakers.items() if own == row]
        keys: tuple[retrieval_file.Speaker, ...] = (*names, row, str(row))
        for key in keys:
            if key in self.timbres:
                return self.timbres[key]
        known = ", ".join(sorted(map(str, self.timbres)))
        raise ConfigError(f"{self.path} does not know {' or '.join(names) or f'speaker {row}'}; it has: {known}")


def read_retrieval(path: Path, config: Config) -> RetrievalFile:
    """The cluster model or the index in `path`, which may be a packed voice, for the voice of `config`.

    Raises:
        CheckpointError: there is none.
        ConfigError: its content is another encoder's than the voice's.
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
    """Where the index or the cluster model of a voice is: in its file, or beside it."""
    card = packing.read_card(voice)
    if card is not None and card.retrieval is not None:
        return voice
    paths = (voice.with_name(name) for name in NAMES.values())
    return next((path for path in paths if path.is_file()), None)


def require_retrieval(voice: Path) -> Path:
    """`find_retrieval`, where there must be one.

    Raises:
        ConfigError: there is none.
    """
    if (path := find_retrieval(voice)) is not None:
        return path
    raise ConfigError(
        f"there is no {' or '.join(NAMES.values())} in or beside {voice}; svc train-index makes one, or name a file "
        "with -k"
    )
