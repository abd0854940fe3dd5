"""Replacement of parts of a wav file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from myna.audio.reading import info, soundfile_path
from myna.errors import AudioError
from myna.storage.atomic import replacing

Part = tuple[int, NDArray[np.float32]]  # first sample, and samples (N,)
_BLOCK_SAMPLES = 1 << 16


def patch(
    path: Path, parts: Iterable[Part], base: Path | None = None, finish: Callable[[Path], None] | None = None
) -> None:
    """Replace parts of a mono PCM wav file, atomically; keep all other samples and the tags.

    Args:
        path: file to write.
        parts: the new samples.
        base: file with the other samples and the tags; by default `path` itself.
        finish: function called with the path of the complete temporary file, which it may change.

    Raises:
        AudioError: a file cannot be read or written.
    """
    source = base or path
    try:
        with replacing(path) as temporary:
            with soundfile.SoundFile(soundfile_path(source)) as old, _like(old, source, temporary) as new:
                # Integers, because libsndfile scales floats differently when reading and when writing.
                while len(block := old.read(_BLOCK_SAMPLES, dtype="int32")):
                    new.write(block)
                for first, samples in parts:
                    new.seek(first)
                    new.write(samples)
            if finish is not None:
                finish(temporary)
    except (OSError, soundfile.LibsndfileError) as error:
        raise AudioError(f"cannot write {path}: {error}") from error


def _like(old: soundfile.SoundFile, source: Path, target: Path) -> soundfile.SoundFile:
    """Create a file with the same format and tags, because libsndfile cannot edit a file that has tags."""
    new = soundfile.SoundFile(soundfile_path(target), "w", old.samplerate, old.channels, old.subtype, format=old.format)
    for name, text in info(source).tags.by_soundfile_name().items():
        setattr(new, name, text)
    return new
