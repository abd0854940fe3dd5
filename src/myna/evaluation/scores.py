"""Table of the measures, from which tables, JSON and pages are made."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Scores = dict[str, float]  # values by key in `MEASURES`; undefined measures are omitted


@dataclass(frozen=True)
class Measure:
    """Description of one measure of a conversion."""

    title: str
    short: str  # title for narrow columns
    better: Literal["higher", "lower"]
    unit: Literal["", "%", "cents"] = ""
    digits: int = 3
    # Value for a recording that is compared with itself. None if the measure needs no source; then recordings of the
    # target are measured too.
    of_itself: float | None = None
    # Value that the plotted range always includes, so that small errors look small; None fits the range to the data.
    scale_to: float | None = None

    def text(self, value: float | None) -> str:
        """Format `value` with its unit; None becomes "-"."""
        if value is None:
            return "-"
        shown = f"{value * (100 if self.unit == '%' else 1):.{self.digits}f}"
        return f"{shown} {self.unit}".rstrip()


MEASURES = {
    "speaker_similarity": Measure("speaker similarity", "similar", "higher"),
    "f0_correlation": Measure("pitch correlation", "f0 corr", "higher", of_itself=1.0, scale_to=0.9),
    "f0_rmse_cents": Measure("pitch error, rms", "f0 rms", "lower", "cents", 1, of_itself=0.0, scale_to=100.0),
    "f0_close": Measure("voiced frames within 50 cents", "in 50 c", "higher", "%", 1, of_itself=1.0, scale_to=0.9),
    "voicing_error": Measure("frames whose voicing differs", "voicing", "lower", "%", 1, of_itself=0.0, scale_to=0.2),
    "loudness_correlation": Measure("loudness correlation", "loudness", "higher", of_itself=1.0, scale_to=0.9),
    "character_error_rate": Measure("character error rate", "CER", "lower", of_itself=0.0, scale_to=0.3),
    "dnsmos_sig": Measure("DNSMOS voice", "SIG", "higher", digits=2),
    "dnsmos_bak": Measure("DNSMOS background", "BAK", "higher", digits=2),
    "dnsmos_ovr": Measure("DNSMOS overall", "OVRL", "higher", digits=2),
}


def mean_scores(many: Iterable[Mapping[str, float]]) -> Scores:
    """Return the mean of each measure over the scores that contain it."""
    columns: dict[str, list[float]] = {key: [] for key in MEASURES}
    for scores in many:
        for key, value in scores.items():
            columns[key].append(value)
    return {key: math.fsum(column) / len(column) for key, column in columns.items() if column}


@dataclass(frozen=True)
class Bounded:
    """Value of a measure over all conversions, with its reference values."""

    converted: float
    source: float | None  # mean over the unconverted sources
    target: float | None  # mean over the target's own recordings
