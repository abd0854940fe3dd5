"""Atomic writing of audio files in blocks."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from myna.audio.aac import AacFile
from myna.audio.formats import CONTAINERS, VORBIS_ORDER, WRITABLE_SUFFIXES, SampleFormat, Tags
from myna.audio.headroom import attenuation_db, fitting_gain
from myna.audio.id3 import id3_tag
from myna.audio.pictures import Picture, begin_flac
from myna.audio.reading import blocks, info, soundfile_path
from myna.errors import AudioError
from myna.storage.atomic import replacing

_BLOCK_SAMPLES = 1 << 16
_INT24_SCALE = 1 << 23
_SAMPLE_BYTES: Mapping[SampleFormat | None, int] = {"int16": 2, "int24": 3, "float32": 4}
_LARGEST_WAV = 2**32 - 2**16  # bytes of samples; a WAV header states its size in 32 bits
_LEAST_STEP = 0.99  # gain for encoding a lossy format again at a lower level; a gain nearer to 1 may change nothing


class _DiscardedError(Exception):
    """Raised to discard the temporary file."""


class Writer:
    """Write an audio file block by block. The file appears only when it is complete.

        with Writer("song.flac", sample_rate) as writer:
            writer.write(block)

    The suffix selects the format: .wav, .flac, .mp3, .ogg or .m4a. If the peak of the decoded file would exceed the
    ceiling, the whole sound is attenuated. For this, all samples are kept in a second temporary file until the end.
    """

    def __init__(
        self,
        path: Path | str,
        sample_rate: int,
        *,
        channels: int = 1,
        sample_format: SampleFormat | None = None,
        tags: Tags | None = None,
        picture: Picture | None = None,
        ceiling: float = 1.0,
        finish: Callable[[Path], None] | None = None,
    ) -> None:
        """Open temporary files beside `path`.

        Args:
            path: file to write; its folder is created.
            sample_rate: in Hz.
            channels: number of channels. Several are in WAVE order (left, right, centre, LFE, back left, back right).
            sample_format: by default int16 for .wav and .flac. The lossy formats .mp3, .ogg and .m4a have no sample
                format.
            tags: text for the header.
            picture: cover art; .wav and .ogg files are written without it.
            ceiling: highest peak of the file: at most 1 (full scale), or infinity for float32, which stores any peak.
            finish: function called with the path of the complete temporary file, which it may change.

        Raises:
            AudioError: the format is unknown or cannot store such audio, or the file cannot be written, for example
                because the disk is full.
        """
        self.path = Path(path)
        self.sample_rate = sample_rate
        self.channels = channels
        self.n_samples = 0
        self.gain = 1.0  # final value only after the file was completed
        self._ceiling = ceiling
        self._peak = 0.0
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
        if container.rates and sample_rate not in container.rates:
            known = ", ".join(map(str, container.rates))
            raise AudioError(
                f"cannot write {self.path} at {sample_rate} Hz: {suffix} stores sample rates of {known} Hz"
            )
        # A plain WAV header does not assign loudspeakers to more than two channels.
        file_format = "WAVEX" if suffix == ".wav" and channels > 2 else container.name
        self._order = VORBIS_ORDER.get(channels) if suffix == ".ogg" else None
        self._coding, self._file_format = container.codings[self._sample_format], file_format
        self._compression = container.compression
        self._tags, self._picture, self._change = tags or Tags(), picture, finish
        self._replacing = ExitStack()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._temporary = self._replacing.enter_context(replacing(self.path))
            # A file without a name, so nothing remains of it even if the process is killed.
            spool = tempfile.TemporaryFile(dir=self._temporary.parent)  # noqa: SIM115
            self._spool = self._replacing.enter_context(spool)
            self._file = self._opened()
        except (OSError, soundfile.LibsndfileError) as error:
            self._discard()
            raise self._error(error) from error

    @property
    def turned_down_db(self) -> float:
        """Attenuation of the completed file relative to the written samples, in dB; 0 if there is none."""
        return attenuation_db(self.gain)

    def write(self, block: NDArray[np.float32]) -> None:
        """Append samples: (n,) for one channel, (C, n) for more.

        Raises:
            ValueError: the block and the file have different numbers of channels.
            AudioError: the samples cannot be written.
        """
        frames = np.atleast_2d(block).T
        if frames.shape[1] != self.channels:
            raise ValueError(f"a file of {self.channels} channels cannot take a block of shape {block.shape}")
        if self._order:
            frames = frames[:, self._order]
        self._peak = max(self._peak, float(np.abs(frames).max(initial=0.0)))
        try:
            self._spool.write(np.ascontiguousarray(frames, np.float32).data)
        except OSError as error:
            raise self._error(error) from error
        self.n_samples += len(frames)

    def _opened(self) -> soundfile.SoundFile | AacFile:
        if not self._file_format:
            return AacFile(self._temporary, self.sample_rate, self.channels, self._tags, self._picture)
        file = soundfile.SoundFile(
            soundfile_path(self._temporary),
            "w",
            self.sample_rate,
            self.channels,
            self._coding,
            format=self._file_format,
            compression_level=self._compression,
            bitrate_mode="VARIABLE" if self._file_format == "MP3" else None,
        )
        for name, text in self._tags.by_soundfile_name().items() if self._file_format != "MP3" else ():
            setattr(file, name, text)
        return file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _value: object, _traceback: TracebackType | None) -> None:
        try:
            if kind is None:
                self._finish()
                self._replacing.close()
        # AssertionError: soundfile asserts that it wrote all samples.
        except (OSError, AssertionError, soundfile.LibsndfileError) as error:
            raise self._error(error) from error
        finally:
            with suppress(OSError, soundfile.LibsndfileError):
                self._file.close()
            with suppress(OSError):  # the disk may be full
                self._discard()

    def _finish(self) -> None:
        self.gain = fitting_gain(self._peak, self._ceiling)
        n_bytes = self.n_samples * self.channels * _SAMPLE_BYTES.get(self._sample_format, 0)
        if self._file_format in ("WAV", "WAVEX") and n_bytes > _LARGEST_WAV:
            self._file.close()
            self._file_format = "RF64"  # WAV with sizes in 64 bits (EBU Tech 3306)
            self._file = self._opened()
        self._encode()
        # Lossy encoding changes the peak.
        while self._sample_format is None and (peak := self._decoded_peak()) > self._ceiling:
            self.gain *= min(fitting_gain(peak, self._ceiling), _LEAST_STEP)
            self._file = self._opened()
            self._encode()
        if self._file_format == "MP3" or (self._file_format == "FLAC" and self._picture is not None):
            self._add_header(self._file_format)
        if self._change is not None:
            self._change(self._temporary)

    def _add_header(self, file_format: str) -> None:
        """Add the parts that libsndfile cannot write: the tags of an mp3, and a picture."""
        copy = self._temporary.with_name("with header")
        with self._temporary.open("rb") as old, copy.open("wb") as new:
            if file_format == "MP3":
                new.write(id3_tag(self._tags, self._picture))
            elif self._picture is not None:
                begin_flac(old, new, self._picture)
            shutil.copyfileobj(old, new)
        copy.replace(self._temporary)

    def _encode(self) -> None:
        """Write all samples to the open file, and close it."""
        self._spool.seek(0)
        # Short blocks, because libsndfile's Vorbis encoder overflows its stack on a long one.
        step = 4 * self.channels * max(_BLOCK_SAMPLES // self.channels, 1)
        while block := self._spool.read(step):
            frames = np.frombuffer(block, np.float32).reshape(-1, self.channels)
            self._file.write(self._encoded(frames * np.float32(self.gain) if self.gain < 1 else frames))
        self._file.close()
        self._check_length()

    def _encoded(self, frames: NDArray[np.float32]) -> NDArray[Any]:
        """Convert samples (n, C) in -1..1 to libsndfile's input."""
        if self._sample_format != "int24":
            return frames
        # Scale here, because libsndfile multiplies floats by 2^23 - 1 when writing and by 2^-23 when reading. This
        # would change large samples by one step.
        steps = np.rint(frames.astype(np.float64) * _INT24_SCALE).clip(max=_INT24_SCALE - 1)
        return steps.astype(np.int32) << 8

    def _decoded_peak(self) -> float:
        if not self.n_samples:
            return 0.0
        decoded = blocks(self._temporary, self.sample_rate, _BLOCK_SAMPLES, mono=False)
        return max(float(np.abs(block).max()) for block in decoded)

    def _discard(self) -> None:
        """Remove the temporary file, unless it was already renamed to the final name."""
        with suppress(_DiscardedError), self._replacing:
            raise _DiscardedError

    def _check_length(self) -> None:
        # libsndfile does not report a failure to write buffered samples; in that case, the file is too short.
        if self._file_format:
            written = soundfile.info(soundfile_path(self._temporary)).frames
        else:
            written = info(self._temporary).n_samples if self.n_samples else 0
        if written != self.n_samples:
            raise OSError(f"only {written} of {self.n_samples} samples could be written; the disk may be full")

    def _error(self, error: Exception) -> AudioError:
        reason = str(getattr(error, "error_string", None) or getattr(error, "strerror", None) or error).strip(" .")
        # libsndfile does not report the system's reason; after the file was opened, there is only this one.
        reason = "the disk is full or not writable" if reason in ("", "System error") else reason
        return AudioError(f"cannot write {self.path}: {reason}")
