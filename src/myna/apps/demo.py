"""The whole line in one call: a recording sung in the voice, both drawn, and how well the one follows the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from myna.audio import io
from myna.conversion.converter import ConversionSummary, Converter
from myna.errors import ConfigError
from myna.evaluation.drawing.picture import write_picture
from myna.evaluation.evaluate import Evaluation, evaluate
from myna.evaluation.pairing import Pair
from myna.options import ConversionOptions, EvaluateOptions
from myna.progress import Progress, silent

# What needs neither an extra nor recordings of the target.
_MEASURED = EvaluateOptions(similarity=False, words=False, quality=False)
_ROUNDING = 1e-4  # of 16 bits, and more


@dataclass(frozen=True)
class Demo:
    """What was made, and what is known of it."""

    source: Path
    converted: Path
    picture: Path
    summary: ConversionSummary
    evaluation: Evaluation


def run_demo(converter: Converter, recording: Path, folder: Path, progress: Progress = silent) -> Demo:
    """Sing `recording` into `folder`, in the octave of the voice where its configuration says which that is.

    The recording is put beside the result, as a sound file that every player knows.

    Raises:
        AudioError: the recording cannot be read, or the folder cannot be written.
        ConfigError: the folder holds another recording of that name.
    """
    source = folder / f"{recording.stem}.wav"
    converted, picture = source.with_suffix(".out.wav"), source.with_suffix(".png")
    _copy(recording, source)
    knows_pitch = converter.check(ConversionOptions()).voice_pitch is not None
    summary = converter.convert_file(source, converted, ConversionOptions(auto_transpose=knows_pitch), progress)
    # Measured against the shift that was asked for: a voice that sings off pitch shall not pass for one in tune.
    measured = replace(_MEASURED, transpose=summary.transpose)
    evaluation = evaluate([Pair(converted, source)], options=measured, progress=progress)
    write_picture(evaluation.files[0], picture)
    return Demo(source, converted, picture, summary, evaluation)


def _copy(recording: Path, target: Path) -> None:
    """Write a recording as wav, unless it is there; another one of its name is somebody's and is kept."""
    audio, sample_rate = io.read(recording)
    if not target.exists():
        with io.Writer(target, sample_rate) as writer:
            writer.write(audio)
        return
    there, rate = io.read(target)
    same = rate == sample_rate and len(there) == len(audio)
    if not same or not np.allclose(there, np.clip(audio, -1, 1), rtol=0, atol=_ROUNDING):
        raise ConfigError(f"{target} is another recording than {recording}; choose another folder with -o")
