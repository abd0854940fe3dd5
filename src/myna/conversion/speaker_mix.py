"""Mixes of a voice's speakers, with shares that are constant or change over time."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from myna.config import Config
from myna.errors import ConfigError, reason_of
from myna.storage.json_file import read_json

TIMELINE_SUFFIXES = (".csv", ".json")
_SECONDS = "seconds"  # the only column of a timeline that is not a speaker's name

Shares = NDArray[np.float32]


@dataclass(frozen=True)
class SpeakerMix:
    """Shares of speakers at given times; between these times, they are interpolated linearly.

    mix = SpeakerMix.parse("alto:0.7,tenor:0.3", config)
    """

    seconds: NDArray[np.float64]  # (P,) ascending
    shares: Shares  # (P, n_speakers), columns by speaker index; each row sums to 1

    @classmethod
    def parse(cls, text: str, config: Config) -> Self:
        """Parse constant shares, "alto:0.7,tenor:0.3" ("alto,tenor" for equal shares), or read a timeline file.

        A timeline is a .csv or .json file with one row per time: its `seconds` and the share of each speaker. The first
        row also applies to earlier times, the last row to later times. A JSON timeline is a list of objects. The share
        of a speaker that is absent from a row is 0.

        Raises:
            ConfigError: a speaker is unknown, a share is negative, or the file is malformed.
        """
        if text.lower().endswith(TIMELINE_SUFFIXES):
            return cls._timeline(Path(text), config)
        pairs = [part.rpartition(":") for part in text.split(",") if part.strip()]
        given = {name or share: share if name else "1" for name, _, share in pairs}
        if not given:
            raise ConfigError(
                "a mix of speakers lists their shares, e.g. alto:0.7,tenor:0.3, or names a .csv or .json file"
            )
        return cls(np.zeros(1), np.stack([_shares(given, config)]))

    @classmethod
    def _timeline(cls, path: Path, config: Config) -> Self:
        timeline = _read_timeline(path)
        if not timeline:
            raise ConfigError(f"{path} contains no rows; a row has {_SECONDS} and the share of each speaker")
        seconds, rows = [], []
        for number, row in enumerate(timeline, start=1):
            try:
                seconds.append(_number(row.get(_SECONDS), _SECONDS))
                rows.append(_shares({name: share for name, share in row.items() if name != _SECONDS}, config))
            except ConfigError as error:
                raise ConfigError(f"{path}, row {number}: {error}") from error
        if any(later <= earlier for earlier, later in pairwise(seconds)):
            raise ConfigError(f"{path}: {_SECONDS} must increase from row to row")
        return cls(np.array(seconds), np.stack(rows))

    @property
    def indices(self) -> list[int]:
        """Indices of all speakers with a share, sorted by descending share."""
        totals = self.shares.sum(0)
        return [int(index) for index in np.argsort(-totals, kind="stable") if totals[index] > 0]

    def at(self, seconds: NDArray[np.float64]) -> Shares:
        """Return the shares at these times (T,) as (n_speakers, T), or as (n_speakers, 1) if they are constant."""
        if len(self.seconds) == 1:
            return self.shares.T
        interpolated = [np.interp(seconds, self.seconds, own) for own in self.shares.T]
        return np.stack(interpolated).astype(np.float32)


def _read_timeline(path: Path) -> Sequence[Mapping[str, Any]]:
    try:
        if path.suffix.lower() == ".json":
            rows = read_json(path)
        else:
            rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, ValueError, csv.Error) as error:
        raise ConfigError(f"cannot read the timeline {path}: {reason_of(error)}") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConfigError(
            f'{path} is not a timeline: [{{"{_SECONDS}": 0, "alto": 1}}, {{"{_SECONDS}": 9, "tenor": 1}}]'
        )
    return rows


def _shares(given: Mapping[Any, Any], config: Config) -> Shares:
    """Convert shares by speaker name to normalised shares by speaker index, (n_speakers,)."""
    shares = np.zeros(config.model.n_speakers)
    for name, value in given.items():
        share = 0.0 if value in (None, "") else _number(value, f"the share of {name}")
        if share < 0:
            raise ConfigError(f"the share of {name} is {share:g}; it must be 0 or more")
        index = config.speaker_id(str(name).strip())
        if index >= len(shares):
            raise ConfigError(f"speaker {name} has index {index}, but the voice has only {len(shares)} speakers")
        shares[index] += share
    if not shares.any():
        raise ConfigError("no speaker has a share")
    normalised: Shares = (shares / shares.sum()).astype(np.float32)
    return normalised


def _number(value: Any, what: str) -> float:
    """Parse a finite number from a file or from user input; `what` is its name in the error."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"{what} is {value!r}, not a number")
    return number
