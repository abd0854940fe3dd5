"""Levels of the stems of a song, which show whether it has vocals and an accompaniment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from myna.song.separation.interface import Samples, Stems
from myna.units import power_to_db


@dataclass(frozen=True)
class StemLevels:
    """Levels of the stems in dB, relative to the song."""

    vocals_db: float
    accompaniment_db: float

    @property
    def has_vocals(self) -> bool:
        return self.vocals_db > -25

    @property
    def has_accompaniment(self) -> bool:
        return self.accompaniment_db > -25


class StemMeter:
    """Meter of the levels of stems that are given in consecutive blocks."""

    def __init__(self) -> None:
        self._energies: list[tuple[float, float, float]] = []

    def add(self, stems: Stems) -> None:
        song = stems.vocals + stems.accompaniment
        self._energies.append((_energy(stems.vocals), _energy(stems.accompaniment), _energy(song)))

    def levels(self) -> StemLevels:
        vocals, accompaniment, song = np.sum(self._energies, axis=0)
        return StemLevels(power_to_db(vocals / song + 1e-12), power_to_db(accompaniment / song + 1e-12))


def _energy(samples: Samples) -> float:
    return float(np.square(samples, dtype=np.float64).sum())
