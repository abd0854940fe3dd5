"""Sound files in and out: any format, rate and channel count becomes one channel of float32.

libsndfile reads what it can; FFmpeg (PyAV) the rest: m4a, webm, video. Reading and writing go in pieces, so that memory
does not grow with the file.
"""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from myna.audio.resample import resample_pieces
from myna.errors import AudioError

_log = logging.getLogger(__name__)

Samples = NDArray[np.float32]

# What is looked for in a folder; a file that is named is read whatever its suffix.
AUDIO_SUFFIXES = frozenset(
    (
        *(".wav", ".flac", ".mp3", ".ogg", ".opus", ".oga", ".aif", ".aiff", ".aifc", ".au", ".caf", ".w64", ".rf64"),
        *(".m4a", ".aac", ".mp4", ".webm", ".mka", ".mkv", ".mov", ".wma", ".ac3", ".amr", ".3gp", ".wv", ".ape"),
    )
)

# Suffix -> libsndfile's format and coding. 16 bits are more than a voice model's own noise needs.
_WRITABLE = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
    ".ogg": ("OGG", "VORBIS"),
}
WRITABLE_SUFFIXES = tuple(_WRITABLE)

_WRITTEN_SAMPLES = 1 << 16
_DECODED_SAMPLES = 1 << 12  # what libsndfile decoded of a piece before an error is lost: at most this
# Streams without a header, whose length FFmpeg guesses from the bit rate.
_WITHOUT_LENGTH = frozenset(("aac", "ac3", "amr", "mp3"))
_UNKNOWN_LENGTH = 1 << 62  # libsndfile's answer for a stream of unknown length is larger


@dataclass(frozen=True)
class AudioInfo:
    """What the header of a sound file says; `n_samples` (a channel) is 0 where it does not say."""

    sample_rate: int
    n_samples: int
    n_channels: int

    @property
    def seconds(self) -> float:
        return self.n_samples / self.sample_rate


def info(path: Path | str) -> AudioInfo:
    """Read the header only.

    Raises:
        AudioError: the file is not there, or is not sound.
    """
    with _opened(Path(path)) as (header, _):
        return header


def read(path: Path | str, sample_rate: int | None = None, *, strict: bool = False) -> tuple[Samples, int]:
    """The whole file as one channel (N,), with its rate: `sample_rate`, or the file's own where none is given.

    Where a file is damaged, what can be read of it is, unless `strict`.

    Raises:
        AudioError: the file is not there, is not sound, holds no samples, or holds NaN or infinity.
    """
    rate = sample_rate or info(path).sample_rate
    pieces = list(_mono_pieces(Path(path), rate, strict=strict))
    return (pieces[0] if len(pieces) == 1 else np.concatenate(pieces)), rate


def blocks(
    path: Path | str, sample_rate: int, block_samples: int, warn: bool = True, strict: bool = False
) -> Iterator[Samples]:
    """The same samples as `read(path, sample_rate)`, in blocks of `block_samples`, the last one shorter.

    Args:
        path: of the file.
        sample_rate: that of the samples; the file may have any.
        block_samples: how many at a time.
        warn: whether to log that a file is damaged; not wanted of a second pass.
        strict: a damaged file is an error; otherwise what can be read of it is.

    Raises:
        AudioError: as `read`, when the bad place is reached.
    """
    return rebuffer(_mono_pieces(Path(path), sample_rate, warn, strict), block_samples)


def rebuffer(pieces: Iterator[Samples], block_samples: int) -> Iterator[Samples]:
    """Cut consecutive pieces anew, into blocks of `block_samples`; the last one may be shorter."""
    held: list[Samples] = []
    n_held = 0
    for piece in pieces:
        held.append(piece)
        n_held += len(piece)
        if n_held >= block_samples:
            joined = np.concatenate(held)
            whole = n_held - n_held % block_samples
            yield from np.split(joined[:whole], range(block_samples, whole, block_samples))
            held, n_held = [joined[whole:]], n_held - whole
    if n_held:
        yield np.concatenate(held)


class Writer:
    """A sound file in the making; it appears under its name when it is whole, and not at all after an error.

        with Writer("song.flac", sample_rate) as writer:
            writer.write(block)

    The suffix chooses the format: wav and flac (16 bits), mp3, ogg. What lies beyond full scale is clipped, with a
    warning.

    Raises:
        AudioError: the suffix is unknown, or the file cannot be written, for example because the disk is full.
    """

    def __init__(self, path: Path | str, sample_rate: int) -> None:
        self.path = Path(path)
        self.sample_rate = sample_rate
        self.n_samples = 0
        self._n_clipped = 0
        suffix = self.path.suffix.lower()
        if suffix not in _WRITABLE:
            raise AudioError(f"cannot write {self.path}: its name must end in one of {', '.join(WRITABLE_SUFFIXES)}")
        file_format, coding = _WRITABLE[suffix]
        self._temporary = self.path.with_name(f".{os.getpid()}-{id(self):x}.part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = soundfile.SoundFile(self._temporary, "w", sample_rate, 1, coding, format=file_format)
        except (OSError, soundfile.LibsndfileError) as error:
            with suppress(OSError):  # where its folder is none, it cannot even be looked for
                self._temporary.unlink()
            raise self._error(error) from error

    def write(self, block: Samples) -> None:
        """Append (n,) samples in -1..1."""
        self._n_clipped += int(np.count_nonzero(np.abs(block) > 1))
        # libsndfile's Vorbis encoder overflows its stack on one long block.
        for start in range(0, len(block), _WRITTEN_SAMPLES):
            try:
                self._file.write(np.clip(block[start : start + _WRITTEN_SAMPLES], -1, 1))
            # An assertion is how soundfile says that fewer samples were written than given.
            except (OSError, AssertionError, soundfile.LibsndfileError) as error:
                raise self._error(error) from error
        self.n_samples += len(block)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _value: object, _traceback: TracebackType | None) -> None:
        try:
            self._file.close()
            if kind is None:
                self._finish()
        except (OSError, soundfile.LibsndfileError) as error:
            raise self._error(error) from error
        finally:
            self._temporary.unlink(missing_ok=True)

    def _finish(self) -> None:
        # libsndfile does not tell when what it buffered could not be written; the length on disk does.
        written = soundfile.info(self._temporary).frames
        if written != self.n_samples:
            raise OSError(f"only {written} of {self.n_samples} samples could be written; the disk may be full")
        self._temporary.replace(self.path)
        if self._n_clipped:
            _log.warning("%s: %d samples were beyond full scale and are clipped", self.path, self._n_clipped)

    def _error(self, error: Exception) -> AudioError:
        reason = str(getattr(error, "error_string", None) or getattr(error, "strerror", None) or error).strip(" .")
        # libsndfile keeps the system's reason to itself; in the middle of a file it is this one.
        reason = "the disk is full or not writable" if reason in ("", "System error") else reason
        return AudioError(f"cannot write {self.path}: {reason}")


def _mono_pieces(path: Path, sample_rate: int, warn: bool = True, strict: bool = False) -> Iterator[Samples]:
    """Decode, check, mix to one channel (the mean) and resample."""
    with _opened(path) as (header, pieces):
        yield from resample_pieces(_checked(path, header, pieces, warn, strict), header.sample_rate, sample_rate)


def _checked(path: Path, header: AudioInfo, pieces: Iterator[Samples], warn: bool, strict: bool) -> Iterator[Samples]:
    """Yield the mean of the channels of each piece (n, C); raise on what is no sound."""
    n_read = 0
    try:
        for piece in pieces:
            finite = np.isfinite(piece).all(axis=1)
            if not finite.all():
                seconds = (n_read + int(np.argmin(finite))) / header.sample_rate
                raise AudioError(f"{path} holds values that are not numbers (NaN or infinity) at {seconds:.3f} s")
            n_read += len(piece)
            yield piece[:, 0] if piece.shape[1] == 1 else piece.mean(axis=1)
    except _DecodingError as error:
        if not n_read:
            raise AudioError(f"nothing in {path} can be read: {error}") from error
        if strict:
            raise AudioError(f"{path}: {error} after {n_read / header.sample_rate:.2f} s; get it again") from error
        if warn:
            _log.warning("%s: %s after %.2f s; what is there is used", path, error, n_read / header.sample_rate)
    if not n_read:
        raise AudioError(f"{path} holds no samples")


class _SequentialFile(soundfile.SoundFile):  # type: ignore[misc]
    """A file read from start to end.

    soundfile seeks to where it stands after each read of what can seek; in an mp3 of variable bit rate that lands
    hundreds of samples away, so that blocks do not join (soundfile 0.14, libsndfile 1.2.2).
    """

    def seekable(self) -> bool:
        return False


class _DecodingError(Exception):
    """A decoder gave up in the middle of a file."""


@contextmanager
def _opened(path: Path) -> Iterator[tuple[AudioInfo, Iterator[Samples]]]:
    """The header and the decoded pieces (n, C) of a file."""
    if not path.is_file():
        raise AudioError(f"there is no file {path}" if not path.exists() else f"{path} is not a file")
    try:
        if path.stat().st_size == 0:
            raise AudioError(f"{path} is empty (0 bytes)")
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        raise AudioError(f"cannot read {path}: {error.strerror}") from error
    if start.startswith(b"version https://git-lfs"):
        raise AudioError(f"{path} is a Git LFS pointer, not the sound itself; run 'git lfs pull' where it came from")
    with ExitStack() as stack:
        try:
            sound = stack.enter_context(_SequentialFile(path))
        # TypeError: a headerless .raw, of which nothing is known.
        except (soundfile.LibsndfileError, TypeError):
            if start.isascii() and start.decode().replace("\n", "").replace("\r", "").isprintable():
                raise AudioError(f"{path} is text, not sound") from None
            yield stack.enter_context(_opened_by_ffmpeg(path))
        else:
            n_samples = sound.frames if sound.frames < _UNKNOWN_LENGTH else 0
            yield AudioInfo(sound.samplerate, n_samples, sound.channels), _soundfile_pieces(path, sound, n_samples)


def _soundfile_pieces(path: Path, sound: soundfile.SoundFile, n_samples: int) -> Iterator[Samples]:
    n_read = 0
    while True:
        try:
            piece = sound.read(_DECODED_SAMPLES, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise _DecodingError(f"it is damaged ({error.error_string})") from error
        if not len(piece):
            break
        n_read += len(piece)
        yield piece
    if n_read < n_samples or _is_cut_short(path):
        raise _DecodingError("it is truncated")


@contextmanager
def _opened_by_ffmpeg(path: Path) -> Iterator[tuple[AudioInfo, Iterator[Samples]]]:
    import av

    with ExitStack() as stack:
        try:
            container = stack.enter_context(av.open(str(path)))
        except (av.FFmpegError, ValueError) as error:
            raise AudioError(f"{path} is not sound in any format that can be read, or its end is missing") from error
        stream: Any = next(iter(container.streams.audio), None)
        if stream is None or not stream.sample_rate:
            raise AudioError(f"{path} holds no sound")
        duration = stream.duration * stream.time_base if stream.duration else (container.duration or 0) / av.time_base
        n_samples = 0 if container.format.name in _WITHOUT_LENGTH else round(duration * stream.sample_rate)
        header = AudioInfo(stream.sample_rate, n_samples, stream.channels)
        yield header, _ffmpeg_pieces(container, stream, n_samples)


def _ffmpeg_pieces(container: Any, stream: Any, n_samples: int) -> Iterator[Samples]:
    import av

    # To one sample format; a stream that changes its rate or layout on the way keeps those it began with.
    to_float = av.AudioResampler(format="fltp", layout=stream.layout, rate=stream.sample_rate)
    n_read = 0
    try:
        for frame in chain(container.decode(stream), [None]):
            for part in to_float.resample(frame):
                n_read += part.samples
                yield part.to_ndarray().T.astype(np.float32, copy=False)
    except av.FFmpegError as error:
        raise _DecodingError(f"it is damaged ({error.strerror})") from error
    # Containers round the length, and count what the encoder padded.
    if n_read < n_samples - 0.1 * stream.sample_rate:
        raise _DecodingError("it is truncated")


def _is_cut_short(path: Path) -> bool:
    """Whether a RIFF file promises more bytes than there are: libsndfile takes what is there without a word."""
    with path.open("rb") as file:
        start = file.read(8)
    if len(start) < 8 or not start.startswith(b"RIFF"):
        return False
    (promised,) = struct.unpack("<I", start[4:8])
    streamed = promised >= 0xFFFFFF00  # a recorder that could not go back to fill in the length
    return not streamed and promised + 8 > path.stat().st_size + 1
