"""Choice of the best checkpoint, from the training log or from the last comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from myna.apps.actions.training_log import Curves
from myna.evaluation.scores import MEASURES
from myna.studio.project import ProjectStatus

VALIDATION = "validation/mel"  # tag of the curve of the distance between conversions and recordings
MAIN_CURVES = (VALIDATION, "loss/mel")
_FEWEST = 2  # smallest number of measured checkpoints among which a best one is chosen
# Measures of a comparison for the choice of the best checkpoint, most important first.
_DECIDING = ("speaker_similarity", "f0_rmse_cents")


class Best(NamedTuple):
    """The best checkpoint."""

    number: int
    measure: str | None  # title of the deciding measure of the last comparison; None for the distance in the log


def best_checkpoint(status: ProjectStatus, curves: Curves, comparison: Mapping[str, Any] | None) -> Best | None:
    """Return the best of the checkpoints that exist; None if fewer than two have been measured."""
    distances = validation_distances(status, curves)
    if len(distances) >= _FEWEST:
        return Best(min(distances, key=lambda number: distances[number]), None)
    scores = compared_scores(status, comparison)
    for key in _DECIDING:
        known = {number: one[key] for number, one in scores.items() if key in one}
        if len(known) >= _FEWEST:
            choose = max if MEASURES[key].better == "higher" else min
            return Best(choose(known, key=lambda number: known[number]), MEASURES[key].title)
    return None


def validation_distances(status: ProjectStatus, curves: Curves) -> dict[int, float]:
    """Return the distance of each existing checkpoint that was validated, by its number."""
    values = dict(curves.scalars.get(VALIDATION, ()))
    steps = {one.number: curves.step_of(one.number, status.unit) for one in status.checkpoints}
    return {number: values[step] for number, step in steps.items() if step in values}


def compared_scores(status: ProjectStatus, comparison: Mapping[str, Any] | None) -> dict[int, dict[str, float]]:
    """Return the measures of the last comparison for the checkpoints that still exist, by number and by key."""
    if comparison is None:
        return {}
    numbers, scores = comparison.get("numbers", []), comparison.get("scores", [])
    here = {one.number for one in status.checkpoints}
    return {number: one for number, one in zip(numbers, scores, strict=False) if number in here}


def best_values(title: str, values: Sequence[str]) -> list[bool]:
    """Mark the best of a row's formatted values; none if the measure is unknown or all values are equal."""
    measure = next((one for one in MEASURES.values() if one.title == title), None)
    numbers = [float(value.split()[0]) for value in values if value != "-"]
    if measure is None or len(numbers) < _FEWEST or len(set(numbers)) == 1:
        return [False] * len(values)
    best = max(numbers) if measure.better == "higher" else min(numbers)
    return [value != "-" and float(value.split()[0]) == best for value in values]
