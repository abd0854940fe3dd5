"""Replacement of a part of a wav file."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from myna.audio.reading import soundfile_path
from myna.errors import AudioError
from myna.storage.atomic import replacing

Part = tuple[int, NDArray[np.float32]]  # first sample, and samples (N,)


def patch(path: Path, parts: Iterable[Part], base: Path | None = None) -> None:
    """Write parts into a wav file with one channel, atomically.

    Args:
        base: file that supplies the rest; by default `path` itself.

    Raises:
        AudioError: a file cannot be read or written.
    """
    try:
        with replacing(path) as temporary:
            shutil.copyfile(base or path, temporary)
            with soundfile.SoundFile(soundfile_path(temporary), "r+") as file:
                for first, samples in parts:
                    file.seek(first)
                    file.write(samples)
    except (OSError, soundfile.LibsndfileError) as error:
        raise AudioError(f"cannot write {path}: {error}") from error
