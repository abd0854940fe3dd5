"""Interface of separators."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

# Level (RMS) of the input of separators, in dB relative to full scale: the level of mastered music, on which they were
# trained (docs/separation.md).
SONG_DBFS = -16.0


@dataclass(frozen=True)
class Stems:
    """Vocals and accompaniment of a song, or of consecutive samples of it; their sum is the song. Both are (C, N)."""

    vocals: Samples
    accompaniment: Samples

    @property
    def song(self) -> Samples:
        return self.vocals + self.accompaniment


class Separator(Protocol):
    """Network that separates the vocals from a song.

    Attributes:
        name: name for messages.
        identity: text for the keys of caches; separators with different results have different texts.
        sample_rate: sample rate of its input in Hz.
    """

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> str: ...

    @property
    def sample_rate(self) -> int: ...

    def vocals(self, song: Iterable[Samples], n_samples: int) -> Iterator[Samples]:
        """Yield the vocals of a song in consecutive blocks of any length, `n_samples` in total.

        Args:
            song: consecutive blocks of the song, (2, n), at about `SONG_DBFS`.
            n_samples: length of the song.
        """
        ...
