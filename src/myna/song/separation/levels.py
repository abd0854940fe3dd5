"""Levels of the stems of a song, which show whether it has vocals and an accompaniment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from myna.song.separation.interface import Samples, Stems
from myna.units import power_to_db

# A stem below this level counts as absent (docs/separation.md). Below it are the vocals of 10 of 12 instrumental
# excerpts, the vocals of none of 5 songs, and the accompaniment of 8 recordings of solo voices.
FAINT_DB = -16.0
_STRONG_SHARE = 0.1  # share of the seconds above the level: a song may have vocals in only a few of its seconds
_LEAST_POWER = 1e-12


@dataclass(frozen=True)
class StemLevels:
    """Level that a tenth of the seconds of each stem exceeds, in dB relative to the mean level of the song."""

    vocals_db: float
    accompaniment_db: float

    @property
    def has_vocals(self) -> bool:
        return self.vocals_db > FAINT_DB

    @property
    def has_accompaniment(self) -> bool:
        return self.accompaniment_db > FAINT_DB


class StemMeter:
    """Meter of the levels of stems."""

    def __init__(self) -> None:
        self._powers: list[tuple[float, float, float]] = []  # powers of vocals, accompaniment and song in each block

    def add(self, stems: Stems) -> None:
        """Measure the next second of the stems; the last one may be shorter."""
        self._powers.append((_power(stems.vocals), _power(stems.accompaniment), _power(stems.song)))

    def levels(self) -> StemLevels:
        powers = np.array(self._powers)
        strong = np.quantile(powers, 1 - _STRONG_SHARE, axis=0) / powers[:, 2].mean()
        return StemLevels(*(power_to_db(float(one) + _LEAST_POWER) for one in strong[:2]))


def _power(samples: Samples) -> float:
    return float(np.square(samples, dtype=np.float64).mean())
