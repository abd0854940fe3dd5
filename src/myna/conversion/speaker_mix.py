"""Several of a voice's speakers at once, in constant shares or in shares that change through a song."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from myna.config import Config
from myna.errors import ConfigError

TIMELINE_SUFFIXES = (".csv", ".json")
_SECONDS = "seconds"  # the column of a timeline that no speaker has

Shares = NDArray[np.float32]


@dataclass(frozen=True)
class SpeakerMix:
    """How much of each speaker there is, at moments between which it changes steadily.

    mix = SpeakerMix.parse("alto:0.7,tenor:0.3", config)
    """

    seconds: NDArray[np.float64]  # (P,) ascending
    shares: Shares  # (P, n_speakers) of each row of the speaker embedding; each moment's sum to 1

    @classmethod
    def parse(cls, text: str, config: Config) -> Self:
        """Read shares, "alto:0.7,tenor:0.3" (or "alto,tenor", which is half each), or the name of a timeline.

        A timeline is a .csv or .json file with a row a moment: `seconds`, and a share a speaker. Before the first row
        its shares hold, and after the last. In JSON it is a list of objects; who is not named has no share.

        Raises:
            ConfigError: a speaker is unknown, a share negative, or the file not what it should be.
        """
        if text.lower().endswith(TIMELINE_SUFFIXES):
            return cls._timeline(Path(text), config)
        pairs = [part.rpartition(":") for part in text.split(",") if part.strip()]
        given = {name or share: share if name else "1" for name, _, share in pairs}
        if not given:
            raise ConfigError("a mix of speakers is their shares, as in alto:0.7,tenor:0.3, or a .csv or .json file")
        return cls(np.zeros(1), np.stack([_row(given, config)]))

    @classmethod
    def _timeline(cls, path: Path, config: Config) -> Self:
        moments = _read_moments(path)
        if not moments:
            raise ConfigError(f"{path} holds no moment: a row needs {_SECONDS} and a share a speaker")
        seconds, rows = [], []
        for number, moment in enumerate(moments, start=1):
            try:
                seconds.append(_number(moment.get(_SECONDS), _SECONDS))
                rows.append(_row({name: share for name, share in moment.items() if name != _SECONDS}, config))
            except ConfigError as error:
                raise ConfigError(f"{path}, moment {number}: {error}") from error
        if any(later <= earlier for earlier, later in pairwise(seconds)):
            raise ConfigError(f"{path}: the moments must follow each other; {_SECONDS} must grow")
        return cls(np.array(seconds), np.stack(rows))

    @property
    def rows(self) -> list[int]:
        """The rows of the speakers who take part, who has the most first."""
        totals = self.shares.sum(0)
        return [int(row) for row in np.argsort(-totals, kind="stable") if totals[row] > 0]

    def at(self, seconds: NDArray[np.float64]) -> Shares:
        """The shares at these moments (T,): (n_speakers, T), or (n_speakers, 1) where they never change."""
        if len(self.seconds) == 1:
            return self.shares.T
        between = [np.interp(seconds, self.seconds, own) for own in self.shares.T]
        return np.stack(between).astype(np.float32)


def _read_moments(path: Path) -> Sequence[Mapping[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        moments = json.loads(text) if path.suffix.lower() == ".json" else list(csv.DictReader(text.splitlines()))
    except (OSError, ValueError, csv.Error) as error:
        raise ConfigError(f"cannot read the timeline {path}: {error}") from error
    if not isinstance(moments, list) or not all(isinstance(moment, dict) for moment in moments):
        raise ConfigError(f'{path} is no timeline: [{{"{_SECONDS}": 0, "alto": 1}}, {{"{_SECONDS}": 9, "tenor": 1}}]')
    return moments


def _row(given: Mapping[Any, Any], config: Config) -> Shares:
    """A share for each row of the embedding, of what a person gave a name each."""
    shares = np.zeros(config.model.n_speakers)
    for name, value in given.items():
        share = 0.0 if value in (None, "") else _number(value, f"the share of {name}")
        if share < 0:
            raise ConfigError(f"the share of {name} is {share:g}; it must be 0 or more")
        row = config.speaker_id(str(name).strip())
        if row >= len(shares):
            raise ConfigError(f"speaker {name} has number {row}, and the voice {len(shares)} speakers")
        shares[row] += share
    if not shares.any():
        raise ConfigError("no speaker has a share")
    normalised: Shares = (shares / shares.sum()).astype(np.float32)
    return normalised


def _number(value: Any, what: str) -> float:
    """A number as a file or a person spells it."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"{what} is {value!r}, not a number")
    return number
