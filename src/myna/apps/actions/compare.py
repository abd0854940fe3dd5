"""Comparison of a voice's checkpoints: each converts the same phrase, and the results are measured side by side."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from myna.options import ConversionOptions, EvaluateOptions
from myna.progress import Progress, silent

if TYPE_CHECKING:
    from myna.apps.actions.device import Device
    from myna.evaluation.evaluate import Evaluation
    from myna.evaluation.report.comparison import Comparison

_MOST_TARGETS = 40  # limit of the target recordings used to measure similarity; a training set may have thousands


@dataclass(frozen=True)
class CheckpointComparison:
    """Conversions of one phrase by several checkpoints, with their measures."""

    comparison: Comparison  # the value that the player shows
    saves: list[str]  # titles of the checkpoints
    # Each row: the title of a measure, the checkpoints' values, and the target's value.
    rows: list[list[str]] = field(default_factory=list)
    not_measured: dict[str, str] = field(default_factory=dict)  # reason for each missing measure
    failures: list[str] = field(default_factory=list)  # one line per file that cannot be measured


def compare_checkpoints(
    folder: Path,
    numbers: Sequence[int],
    phrase: Path,
    names: Sequence[str],
    measure: EvaluateOptions | None,
    device: Device,
    progress: Progress = silent,
) -> CheckpointComparison:
    """Convert a phrase with several checkpoints of a project, measure the results, and store both in the project.

    The new comparison replaces the stored one. If anything fails, the stored one is kept.

    Args:
        folder: project folder.
        numbers: step numbers of the checkpoints.
        names: title of the phrase, then the title of each checkpoint.
        measure: options of the measures; None converts without measuring.

    Raises:
        ConfigError: the project has no such checkpoint.
        AudioError: the phrase cannot be read.
    """
    from myna.conversion.converter import Converter
    from myna.evaluation.evaluate import evaluate
    from myna.evaluation.pairing import Pair
    from myna.evaluation.report.comparison import Track, compare
    from myna.storage.atomic import replacing
    from myna.studio.project import Project

    project = Project(folder)
    place = project.comparison_path.parent
    new = place / str(time.time_ns())  # a new name, so that no browser shows a cached file
    new.mkdir(parents=True)
    try:
        source = new / f"source{phrase.suffix.lower()}"
        shutil.copyfile(phrase, source)
        tracks = [Track(source, names[0])]
        for number, title in zip(numbers, names[1:], strict=True):
            output = new / f"{number}.wav"
            converter = Converter.load(project.checkpoint(number).path, device=device.name)
            summary = converter.convert_file(source, output, ConversionOptions(auto_transpose=True), progress)
            tracks.append(Track(output, title, summary.transpose))
        found = CheckpointComparison(compare(tracks, new, progress), list(names[1:]))
        if measure is not None:
            pairs = [Pair(track.path, source) for track in tracks[1:]]
            clips = project.training_clips()
            targets = clips[:: -(-len(clips) // _MOST_TARGETS)] if clips else []
            evaluation = evaluate(pairs, targets, project.validation_clips(), measure, progress)
            found = CheckpointComparison(
                found.comparison,
                found.saves,
                _table(evaluation),
                evaluation.not_measured,
                list(evaluation.failures),
            )
    except BaseException:  # KeyboardInterrupt too
        shutil.rmtree(new, ignore_errors=True)
        raise
    with replacing(project.comparison_path) as temporary:
        temporary.write_text(json.dumps(asdict(found)), encoding="utf-8")
    for old in place.iterdir():
        if old.is_dir() and old != new:
            shutil.rmtree(old, ignore_errors=True)
    return found


def _table(evaluation: Evaluation) -> list[list[str]]:
    """Return one row per measure: its title, the value of each conversion, and that of the voice's recordings."""
    from myna.evaluation.scores import MEASURES

    bounds = evaluation.summary
    return [
        [
            measure.title,
            *(measure.text(file.scores.get(key)) for file in evaluation.files),
            measure.text(bounds[key].target),
        ]
        for key, measure in MEASURES.items()
        if key in bounds
    ]
