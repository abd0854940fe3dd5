"""Reading of a part of a long sound file, without decoding the samples before it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from myna.audio.reading import soundfile_path
from myna.errors import AudioError


def excerpt(path: Path, first: int, n_samples: int) -> NDArray[np.float32]:
    """Return samples `first` to `first + n_samples` of a wav or flac file, (C, n); fewer at the end of the file.

    Raises:
        AudioError: the file is missing, or its format does not allow exact seeking.
    """
    try:
        with soundfile.SoundFile(soundfile_path(path)) as file:
            if file.format not in ("WAV", "WAVEX", "RF64", "FLAC"):
                raise AudioError(f"{path} is neither wav nor flac")
            file.seek(min(first, file.frames))
            found: NDArray[np.float32] = file.read(n_samples, dtype="float32", always_2d=True).T
            return found
    except soundfile.LibsndfileError as error:
        raise AudioError(f"{path} cannot be read: {error.error_string}") from error
