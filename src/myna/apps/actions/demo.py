"""Demo that converts one recording, measures the result, and plots the pitch of both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from myna.errors import ConfigError
from myna.options import ConversionOptions, EvaluateOptions
from myna.progress import Progress, silent

if TYPE_CHECKING:
    from myna.conversion.converter import ConversionSummary, Converter
    from myna.evaluation.evaluate import Evaluation

# Measures that need an optional dependency or recordings of the target are off.
_MEASURED = EvaluateOptions(similarity=False, words=False, quality=False)
_ROUNDING = 1e-4  # tolerance when comparing samples; larger than the error of rounding to 16 bits


@dataclass(frozen=True)
class Demo:
    """Files and measurements of a demo."""

    source: Path
    converted: Path
    picture: Path
    summary: ConversionSummary
    evaluation: Evaluation


def run_demo(converter: Converter, recording: Path, folder: Path, progress: Progress = silent) -> Demo:
    """Convert `recording`, measure the result and plot both; write all files to `folder`.

    If the voice's configuration contains its pitch, the recording is transposed by octaves to that pitch. A copy of the
    recording is written as a WAV file, which every player can open.

    Raises:
        AudioError: the recording cannot be read, or the folder cannot be written.
        ConfigError: the folder already contains a different recording under the same name.
    """
    from myna.evaluation.drawing.picture import write_picture
    from myna.evaluation.evaluate import evaluate
    from myna.evaluation.pairing import Pair

    source = folder / f"{recording.stem}.wav"
    converted, picture = source.with_suffix(".out.wav"), source.with_suffix(".png")
    _copy(recording, source)
    has_pitch = converter.check(ConversionOptions()).voice_pitch is not None
    summary = converter.convert_file(source, converted, ConversionOptions(auto_transpose=has_pitch), progress)
    # Measure pitch errors relative to the requested shift; relative to the best-fitting shift, an off-key result would
    # have no error.
    measured = replace(_MEASURED, transpose=summary.transpose)
    evaluation = evaluate([Pair(converted, source)], options=measured, progress=progress)
    write_picture(evaluation.files[0], picture)
    return Demo(source, converted, picture, summary, evaluation)


def _copy(recording: Path, target: Path) -> None:
    """Write a recording as WAV. If `target` exists, keep it; raise `ConfigError` if its samples differ."""
    import numpy as np

    from myna.audio import io
    from myna.audio.headroom import fitting_gain

    audio, sample_rate = io.read(recording)
    if not target.exists():
        with io.Writer(target, sample_rate) as writer:
            writer.write(audio)
        return
    there, rate = io.read(target)
    same = rate == sample_rate and len(there) == len(audio)
    written = audio * fitting_gain(float(np.abs(audio).max()))
    if not same or not np.allclose(there, written, rtol=0, atol=_ROUNDING):
        raise ConfigError(f"{target} contains a different recording from {recording}; choose another folder with -o")
