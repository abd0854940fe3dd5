"""Writing sound files in blocks, atomically."""

from __future__ import annotations

import logging
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from myna.audio.formats import CONTAINERS, VORBIS_ORDER, WRITABLE_SUFFIXES, SampleFormat, Tags
from myna.audio.reading import soundfile_path
from myna.errors import AudioError
from myna.storage.atomic import replacing

_log = logging.getLogger(__name__)

_BLOCK_SAMPLES = 1 << 16
_INT24_SCALE = 1 << 23


class _DiscardedError(Exception):
    """Marks the temporary file as useless."""


class Writer:
    """Write a sound file block by block. The file appears under its name only if it is completed without an error.

        with Writer("song.flac", sample_rate) as writer:
            writer.write(block)

    The suffix chooses the format: .wav, .flac, .mp3 or .ogg. Integer formats clip samples beyond -1..1, with a warning.
    """

    def __init__(
        self,
        path: Path | str,
        sample_rate: int,
        *,
        channels: int = 1,
        sample_format: SampleFormat | None = None,
        tags: Tags | None = None,
    ) -> None:
        """Open a temporary file beside `path`.

        Args:
            path: file to write; its folder is created.
            sample_rate: in Hz.
            channels: number of channels. Several are in WAVE order (left, right, centre, LFE, back left, back right).
            sample_format: by default int16 for .wav and .flac. The lossy formats .mp3 and .ogg have no sample format.
            tags: text for the header.

        Raises:
            AudioError: the format is unknown or cannot store such audio, or the file cannot be written, for example
                because the disk is full.
        """
        self.path = Path(path)
        self.sample_rate = sample_rate
        self.channels = channels
        self.n_samples = 0
        self._n_clipped = 0
        suffix = self.path.suffix.lower()
        if suffix not in CONTAINERS:
            raise AudioError(f"cannot write {self.path}: its name must end in one of {', '.join(WRITABLE_SUFFIXES)}")
        container = CONTAINERS[suffix]
        if not 1 <= channels <= container.max_channels:
            raise AudioError(f"cannot write {self.path}: {suffix} stores 1 to {container.max_channels} channels")
        self._sample_format = next(iter(container.codings)) if sample_format is None else sample_format
        if self._sample_format not in container.codings:
            known = ", ".join(filter(None, container.codings)) or "its own compressed format only"
            raise AudioError(f"cannot write {self.path} as {sample_format}: {suffix} stores {known}")
        # A plain WAV header does not state the loudspeaker of a third channel.
        file_format = "WAVEX" if suffix == ".wav" and channels > 2 else container.name
        self._order = VORBIS_ORDER.get(channels) if suffix == ".ogg" else None
        coding = container.codings[self._sample_format]
        self._replacing = ExitStack()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._temporary = self._replacing.enter_context(replacing(self.path))
            place = soundfile_path(self._temporary)
            self._file = soundfile.SoundFile(place, "w", sample_rate, channels, coding, format=file_format)
            for name, text in (tags or Tags()).by_soundfile_name().items():
                setattr(self._file, name, text)
        except (OSError, soundfile.LibsndfileError) as error:
            self._discard()
            raise self._error(error) from error

    def write(self, block: NDArray[np.float32]) -> None:
        """Append samples in -1..1: (n,) for one channel, (C, n) for more.

        Raises:
            ValueError: the block and the file have different numbers of channels.
            AudioError: the samples cannot be written.
        """
        frames = np.atleast_2d(block).T
        if frames.shape[1] != self.channels:
            raise ValueError(f"a file of {self.channels} channels cannot take a block of shape {block.shape}")
        if self._order:
            frames = frames[:, self._order]
        # Blocks are split, because libsndfile's Vorbis encoder overflows its stack on a long block.
        step = max(_BLOCK_SAMPLES // self.channels, 1)
        for start in range(0, len(frames), step):
            try:
                self._file.write(self._encoded(frames[start : start + step]))
            # AssertionError: soundfile asserts that all samples were written.
            except (OSError, AssertionError, soundfile.LibsndfileError) as error:
                raise self._error(error) from error
        self.n_samples += len(frames)

    def _encoded(self, frames: NDArray[np.float32]) -> NDArray[Any]:
        """Convert samples (n, C) to libsndfile's input; samples are clipped unless the format is float."""
        if self._sample_format == "float32":
            return frames
        self._n_clipped += int(np.count_nonzero(np.abs(frames) > 1))
        clipped = np.clip(frames, -1, 1)
        if self._sample_format != "int24":
            return clipped
        # Scaled here, because libsndfile scales floats by 2^23 - 1 when writing but by 2^-23 when reading, which would
        # change large samples by one step.
        steps = np.rint(clipped.astype(np.float64) * _INT24_SCALE).clip(max=_INT24_SCALE - 1)
        return steps.astype(np.int32) << 8

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _value: object, _traceback: TracebackType | None) -> None:
        try:
            self._file.close()
            if kind is None:
                self._check_length()
                self._replacing.close()
        except (OSError, soundfile.LibsndfileError) as error:
            raise self._error(error) from error
        finally:
            self._discard()
        if self._n_clipped:
            _log.warning("%s: %d samples beyond full scale are clipped", self.path, self._n_clipped)

    def _discard(self) -> None:
        """Remove the temporary file, unless it has taken its place."""
        with suppress(_DiscardedError), self._replacing:
            raise _DiscardedError

    def _check_length(self) -> None:
        # libsndfile does not report buffered samples that could not be written, but the file is then too short.
        written = soundfile.info(soundfile_path(self._temporary)).frames
        if written != self.n_samples:
            raise OSError(f"only {written} of {self.n_samples} samples could be written; the disk may be full")

    def _error(self, error: Exception) -> AudioError:
        reason = str(getattr(error, "error_string", None) or getattr(error, "strerror", None) or error).strip(" .")
        # libsndfile does not report the system's reason; once the file is open, it can only be this one.
        reason = "the disk is full or not writable" if reason in ("", "System error") else reason
        return AudioError(f"cannot write {self.path}: {reason}")
