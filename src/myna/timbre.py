"""How each speaker of a voice says things, from a file of so-vits-svc, RVC or ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from torch import Tensor

from myna.config import Config
from myna.errors import ConfigError
from myna.features.retrieval import Clusters, Retrieval, Timbre
from myna.zoo import timbre_file
from myna.zoo.timbre_file import CENTRES_NAME, INDEX_NAME

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
        file = timbre_file.read(path)
        for vectors in file.vectors.values():
            found, wanted = vectors.shape[1], config.model.content_channels
            if found != wanted:
                raise ConfigError(f"{path} is made for another content encoder ({found} channels instead of {wanted})")
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
        keys: tuple[timbre_file.Speaker, ...] = (*names, row)
        for key in keys:
            if key in self.timbres:
                return self.timbres[key]
        known = ", ".join(sorted(map(str, self.timbres)))
        raise ConfigError(f"{self.path} does not know {' or '.join(names) or f'speaker {row}'}; it has: {known}")


def timbre_beside(voice: Path) -> Path:
    """The index beside a voice's file of weights, or its cluster model.

    Raises:
        ConfigError: there is neither.
    """
    for name in (INDEX_NAME, CENTRES_NAME):
        if (path := voice.with_name(name)).is_file():
            return path
    raise ConfigError(
        f"there is no {INDEX_NAME} or {CENTRES_NAME} beside {voice}; svc train-index makes one, or name a file with -k"
    )
