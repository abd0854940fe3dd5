"""How each speaker of a voice says things, from a file of so-vits-svc, RVC or ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from torch import Tensor

from myna.config import Config
from myna.errors import CheckpointError, ConfigError
from myna.features.retrieval import Clusters, Retrieval, Timbre
from myna.zoo import packing, timbre_file
from myna.zoo.timbre_file import NAMES, TimbreFile

_TIMBRES: dict[timbre_file.Kind, Callable[[Tensor], Timbre]] = {"index": Retrieval, "centres": Clusters}


@dataclass(frozen=True)
class Timbres:
    """A timbre a speaker."""

    path: Path
    timbres: Mapping[timbre_file.Speaker, Timbre]
    speakers: Mapping[str, int]  # of the voice, by name

    @classmethod
    def load(cls, path: Path, config: Config, device: str = "cpu") -> Self:
        """Read a cluster model or an index for the voice of `config`.

        Raises:
            CheckpointError: it is none.
            ConfigError: its content is another encoder's than the voice's.
        """
        file = read_timbre(path, config)
        timbres = {speaker: _TIMBRES[file.kind](vectors.to(device)) for speaker, vectors in file.vectors.items()}
        return cls(path, timbres, config.speakers)

    def of(self, row: int) -> Timbre:
        """The timbre of the speaker in this row of the embedding; a file with a single one has it for all.

        Raises:
            ConfigError: it knows others only.
        """
        if len(self.timbres) == 1:
            return next(iter(self.timbres.values()))
        names = [name for name, own in self.speakers.items() if own == row]
        keys: tuple[timbre_file.Speaker, ...] = (*names, row, str(row))
        for key in keys:
            if key in self.timbres:
                return self.timbres[key]
        known = ", ".join(sorted(map(str, self.timbres)))
        raise ConfigError(f"{self.path} does not know {' or '.join(names) or f'speaker {row}'}; it has: {known}")


def read_timbre(path: Path, config: Config) -> TimbreFile:
    """The cluster model or the index in `path`, which may be a packed voice, for the voice of `config`.

    Raises:
        CheckpointError: there is none.
        ConfigError: its content is another encoder's than the voice's.
    """
    if packing.read_card(path) is None:
        file = timbre_file.read(path)
    else:
        packed = packing.read_packed(path).timbre
        if packed is None:
            raise CheckpointError(f"{path} is a packed voice without an index; pack it with --index FILE")
        file = packed
    for vectors in file.vectors.values():
        found, wanted = vectors.shape[1], config.model.content_channels
        if found != wanted:
            raise ConfigError(f"{path} is made for another content encoder ({found} channels instead of {wanted})")
    return file


def find_timbre(voice: Path) -> Path | None:
    """Where the index or the cluster model of a voice is: in its file, or beside it."""
    card = packing.read_card(voice)
    if card is not None and card.timbre is not None:
        return voice
    paths = (voice.with_name(name) for name in NAMES.values())
    return next((path for path in paths if path.is_file()), None)


def timbre_of(voice: Path) -> Path:
    """`find_timbre`, where there must be one.

    Raises:
        ConfigError: there is none.
    """
    if (path := find_timbre(voice)) is not None:
        return path
    raise ConfigError(
        f"there is no {' or '.join(NAMES.values())} in or beside {voice}; svc train-index makes one, or name a file "
        "with -k"
    )
