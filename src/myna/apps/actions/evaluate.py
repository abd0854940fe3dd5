"""Quality measurement of conversions, compared with their sources and the target voice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from myna.errors import AudioError
from myna.options import EvaluateOptions
from myna.progress import Progress, silent

if TYPE_CHECKING:
    from myna.evaluation.evaluate import Evaluation


def evaluate_conversions(
    converted: Sequence[Path],
    sources: Sequence[Path],
    targets: Sequence[Path] = (),
    held_out: Sequence[Path] = (),
    options: EvaluateOptions | None = None,
    progress: Progress = silent,
) -> Evaluation:
    """Pair conversions with their sources by name and measure them.

    Args:
        converted: files or folders, like `sources`, `targets` and `held_out`.
        targets: recordings of the target voice; without them, similarity to it is not measured.
        held_out: recordings of the target that are not in its training set. They give the bounds of each measure;
            without them, each of `targets` is compared with the others.

    Returns:
        The evaluation. Its failures include the conversions that have no source.

    Raises:
        AudioError: a path does not exist or contains no sound, or no conversion has a source.
    """
    from myna.evaluation.evaluate import evaluate
    from myna.evaluation.pairing import pair_by_name, sound_files

    pairs, unpaired = pair_by_name(sound_files(converted), sound_files(sources))
    if not pairs:
        raise AudioError(f"no conversion has a source: {'; '.join(unpaired)}")
    evaluation = evaluate(pairs, sound_files(targets), sound_files(held_out), options, progress)
    return replace(evaluation, failures=(*unpaired, *evaluation.failures))
