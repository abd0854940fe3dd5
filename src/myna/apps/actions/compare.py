"""Comparison of a voice's checkpoints: all convert the same phrase, and the results are measured."""

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

_MOST_TARGETS = 40  # limit on target recordings for measuring similarity; a training set may have thousands


@dataclass(frozen=True)
class CheckpointComparison:
    """Conversions of one phrase by several checkpoints, with their measures."""

    comparison: Comparison  # display data for the player
    # Each row: the title of a measure, its value for each checkpoint, and its value for the target's recordings.
    rows: list[list[str]] = field(default_factory=list)
    not_measured: dict[str, str] = field(default_factory=dict)  # reason why a measure is missing, by measure
    failures: list[str] = field(default_factory=list)  # one line per file that could not be measured
    numbers: list[int] = field(default_factory=list)  # step numbers of the checkpoints, or epochs
    scores: list[dict[str, float]] = field(default_factory=list)  # values for each checkpoint, by key in `MEASURES`


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

    The new comparison replaces the stored one only if both the conversion and the measurement succeed.

    Args:
        folder: project folder.
        numbers: numbers of the checkpoints (steps or epochs).
        phrase: recording to convert.
        names: display title of the phrase, followed by the title of each checkpoint.
        measure: options of the measurement; None for no measurement.

    Raises:
        ConfigError: the project lacks one of the checkpoints.
        AudioError: the phrase cannot be read.
    """
    from myna.conversion.converter import Converter
    from myna.evaluation.evaluate import evaluate
    from myna.evaluation.pairing import Pair
    from myna.evaluation.report.comparison import Track, compare
    from myna.storage.atomic import write_text
    from myna.studio.project import Project

    project = Project(folder)
    place = project.comparison_path.parent
    new = place / str(time.time_ns())  # new for each comparison, so that browsers do not show cached files
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
        found = CheckpointComparison(compare(tracks, new, progress), numbers=list(numbers))
        if measure is not None:
            pairs = [Pair(track.path, source) for track in tracks[1:]]
            clips = project.training_clips()
            targets = clips[:: -(-len(clips) // _MOST_TARGETS)] if clips else []
            evaluation = evaluate(pairs, targets, project.validation_clips(), measure, progress)
            found = CheckpointComparison(
                found.comparison,
                _table(evaluation),
                evaluation.not_measured,
                list(evaluation.failures),
                list(numbers),
                [dict(file.scores) for file in evaluation.files] if not evaluation.failures else [],
            )
    except BaseException:  # also KeyboardInterrupt
        shutil.rmtree(new, ignore_errors=True)
        raise
    write_text(project.comparison_path, json.dumps(asdict(found)))
    for old in place.iterdir():
        if old.is_dir() and old != new:
            shutil.rmtree(old, ignore_errors=True)
    return found


def _table(evaluation: Evaluation) -> list[list[str]]:
    """Return one row per measure: its title, its value for each conversion, and its value for the target."""
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
