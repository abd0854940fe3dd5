"""Quality measurement of conversions, with reference values for the sources and for the target voice."""

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
    """Pair conversions with their sources by file name, and measure the conversions.

    Args:
        converted: files and folders of conversions; the next three arguments are files and folders too.
        sources: recordings that were converted.
        targets: recordings of the target voice; without them, similarity to the target is not measured.
        held_out: recordings of the target voice that are not in its training set. Their measures are the target's
            reference values. Without them, each recording in `targets` is compared with the others in `targets`.

    Returns:
        The evaluation. Its failures include the conversions without a source.

    Raises:
        AudioError: a path does not exist or contains no audio files, or no conversion has a source.
    """
    from myna.evaluation.evaluate import evaluate
    from myna.evaluation.pairing import pair_by_name, sound_files

    pairs, unpaired = pair_by_name(sound_files(converted), sound_files(sources))
    if not pairs:
        raise AudioError(f"no conversion has a source: {'; '.join(unpaired) or 'all files are among the sources'}")
    evaluation = evaluate(pairs, sound_files(targets), sound_files(held_out), options, progress)
    return replace(evaluation, failures=(*unpaired, *evaluation.failures))
