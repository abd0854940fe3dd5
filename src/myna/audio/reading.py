"""Reading sound files, whole or in blocks.

libsndfile reads the formats that it supports; FFmpeg (PyAV) reads the others: m4a, webm, video. Files are decoded in
pieces, so that memory use does not grow with the length of the file.
"""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from myna.audio.formats import VORBIS_ORDER, Tags
from myna.audio.resample import resample_pieces
from myna.errors import AudioError

_log = logging.getLogger(__name__)

Samples = NDArray[np.float32]

_DECODED_SAMPLES = 1 << 12  # samples per piece; a decoding error loses at most this many samples before it
# Streams without a header. FFmpeg only guesses their length from the bit rate.
_WITHOUT_LENGTH = frozenset(("aac", "ac3", "amr", "mp3"))
_UNKNOWN_LENGTH = 1 << 62  # libsndfile reports a larger length if it is unknown


@dataclass(frozen=True)
class AudioInfo:
    """Header of a sound file; `n_samples` is the number of samples per channel, or 0 if the header lacks it."""

    sample_rate: int
    n_samples: int
    n_channels: int
    tags: Tags = field(default_factory=Tags)

    @property
    def seconds(self) -> float:
        return self.n_samples / self.sample_rate


def info(path: Path | str) -> AudioInfo:
    """Read only the header of a sound file.

    Raises:
        AudioError: the file does not exist or is not a sound file.
    """
    with _opened(Path(path)) as sound:
        return sound.info


def read(
    path: Path | str, sample_rate: int | None = None, *, mono: bool = True, strict: bool = False
) -> tuple[Samples, int]:
    """Read a whole file and return its samples and sample rate; samples of integer formats are in -1..1.

    Args:
        path: the sound file.
        sample_rate: sample rate of the result in Hz; by default that of the file.
        mono: return the mean of the channels, (N,). Otherwise return all channels, (C, N), in WAVE order; for 5.1 this
            is left, right, centre, LFE, back left, back right.
        strict: raise an error if the file is damaged. Otherwise return the part that can be decoded, with a warning.

    Raises:
        AudioError: the file does not exist, is not a sound file, has no samples, or contains NaN or infinity.
    """
    rate = sample_rate or info(path).sample_rate
    pieces = list(_pieces(Path(path), rate, mono=mono, warn=True, strict=strict))
    return (pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=-1)), rate


def blocks(
    path: Path | str,
    sample_rate: int,
    block_samples: int,
    warn: bool = True,
    strict: bool = False,
    *,
    mono: bool = True,
) -> Iterator[Samples]:
    """Yield the samples of `read(path, sample_rate)` in blocks of `block_samples`; the last block may be shorter.

    Args:
        path: the sound file.
        sample_rate: sample rate of the blocks in Hz; the file may have a different one.
        block_samples: length of a block.
        warn: log a warning if the file is damaged. Pass false when the same file is read again.
        strict: raise an error if the file is damaged. Otherwise yield the part that can be decoded.
        mono: yield the mean of the channels, (n,). Otherwise yield all channels, (C, n).

    Raises:
        AudioError: for the same reasons as in `read`, when reading reaches the damage.
    """
    return rebuffer(_pieces(Path(path), sample_rate, mono=mono, warn=warn, strict=strict), block_samples)


def rebuffer(pieces: Iterator[Samples], block_samples: int) -> Iterator[Samples]:
    """Rearrange consecutive pieces, (n,) or (C, n), into blocks of `block_samples`; the last block may be shorter."""
    held: list[Samples] = []
    n_held = 0
    for piece in pieces:
        held.append(piece)
        n_held += piece.shape[-1]
        if n_held >= block_samples:
            joined = np.concatenate(held, axis=-1)
            whole = n_held - n_held % block_samples
            yield from np.split(joined[..., :whole], range(block_samples, whole, block_samples), axis=-1)
            held, n_held = [joined[..., whole:]], n_held - whole
    if n_held:
        yield np.concatenate(held, axis=-1)


def _pieces(path: Path, sample_rate: int, *, mono: bool, warn: bool, strict: bool) -> Iterator[Samples]:
    """Decode and check a file, mix it to mono if `mono`, and resample it."""
    with _opened(path) as sound:
        checked = _checked(path, sound, warn, strict)
        mixed = (_mean(piece) if mono else _channels(piece, sound.order) for piece in checked)
        yield from resample_pieces(mixed, sound.info.sample_rate, sample_rate)


def _mean(piece: Samples) -> Samples:
    """Return the mean (n,) over the channels of a piece (n, C)."""
    return piece[:, 0] if piece.shape[1] == 1 else piece.mean(axis=1)


def _channels(piece: Samples, order: tuple[int, ...] | None) -> Samples:
    """Transpose a piece (n, C) to (C, n) in WAVE order, given the file's channel order as in `_Sound`."""
    return piece.T if order is None else piece.T[np.argsort(order)]


def _checked(path: Path, sound: _Sound, warn: bool, strict: bool) -> Iterator[Samples]:
    """Yield the decoded pieces (n, C), or raise an error if they are not valid audio."""
    rate, n_read = sound.info.sample_rate, 0
    try:
        for piece in sound.pieces:
            finite = np.isfinite(piece).all(axis=1)
            if not finite.all():
                seconds = (n_read + int(np.argmin(finite))) / rate
                raise AudioError(f"{path} contains NaN or infinity at {seconds:.3f} s; export it again")
            n_read += len(piece)
            yield piece
    except _DecodingError as error:
        if not n_read:
            raise AudioError(f"{path} cannot be decoded: {error}") from error
        if strict:
            raise AudioError(f"{path}: {error} after {n_read / rate:.2f} s; copy or export it again") from error
        if warn:
            _log.warning("%s: %s after %.2f s; the part before is used", path, error, n_read / rate)
    if not n_read:
        raise AudioError(f"{path} contains no samples")


def soundfile_path(path: Path) -> bytes:
    """Return the path for soundfile, which cannot encode a name that is not UTF-8; "-" is its standard input."""
    return os.fsencode(path.absolute())


class _SequentialFile(soundfile.SoundFile):  # type: ignore[misc]
    """A file that is read from start to end without seeking.

    After each read of a seekable file, soundfile seeks to the current position. In an mp3 with variable bit rate this
    seek is off by hundreds of samples, so that blocks do not join (soundfile 0.14, libsndfile 1.2.2).
    """

    def seekable(self) -> bool:
        return False


class _Sound(NamedTuple):
    """An open file: its header, its decoded pieces (n, C), and its channel order.

    The order is the WAVE index of each channel, or None if the channels are in WAVE order.
    """

    info: AudioInfo
    pieces: Iterator[Samples]
    order: tuple[int, ...] | None = None


class _DecodingError(Exception):
    """Raised if a decoder stops in the middle of a file."""


@contextmanager
def _opened(path: Path) -> Iterator[_Sound]:
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
        raise AudioError(f"{path} is a Git LFS pointer, not the sound itself; run 'git lfs pull' in its repository")
    with ExitStack() as stack:
        try:
            sound = stack.enter_context(_SequentialFile(soundfile_path(path)))
        # TypeError: soundfile cannot open a .raw file, which has no header, without its format.
        except (soundfile.LibsndfileError, TypeError):
            if start.isascii() and start.decode().replace("\n", "").replace("\r", "").isprintable():
                raise AudioError(f"{path} is text, not sound") from None
            yield stack.enter_context(_opened_by_ffmpeg(path))
        else:
            n_samples = sound.frames if sound.frames < _UNKNOWN_LENGTH else 0
            header = AudioInfo(sound.samplerate, n_samples, sound.channels, Tags.of(sound.copy_metadata()))
            order = VORBIS_ORDER.get(sound.channels) if sound.subtype in ("VORBIS", "OPUS") else None
            yield _Sound(header, _soundfile_pieces(path, sound, n_samples), order)


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
def _opened_by_ffmpeg(path: Path) -> Iterator[_Sound]:
    import av

    with ExitStack() as stack:
        try:
            # Given a path, FFmpeg would take "a:b.m4a" for the address of a protocol, and a file could name others.
            file = stack.enter_context(path.open("rb"))
            alone = {"protocol_whitelist": "none"}
            container: Any = stack.enter_context(av.open(file, metadata_errors="replace", options=alone))
        except (av.FFmpegError, ValueError) as error:
            raise AudioError(f"{path} is not sound in a known format, or it is incomplete") from error
        stream: Any = next(iter(container.streams.audio), None)
        if stream is None:
            raise AudioError(f"{path} contains no audio stream")
        if stream.codec_context is None:
            raise AudioError(f"{path} is in a format that cannot be decoded here; convert it to wav or flac")
        if not stream.sample_rate or stream.sample_rate < 1:
            raise AudioError(f"{path} states no valid sample rate; export it again")
        duration = stream.duration * stream.time_base if stream.duration else (container.duration or 0) / av.time_base
        n_samples = 0 if container.format.name in _WITHOUT_LENGTH else round(duration * stream.sample_rate)
        tags = Tags.of({**container.metadata, **stream.metadata})
        header = AudioInfo(stream.sample_rate, n_samples, stream.channels, tags)
        yield _Sound(header, _ffmpeg_pieces(container, stream, n_samples))


def _ffmpeg_pieces(container: Any, stream: Any, n_samples: int) -> Iterator[Samples]:
    import av

    # The whole stream gets one sample format, rate and layout, even if they change in the middle.
    # The format is interleaved, because PyAV 18 crashes on frames of eight planes.
    to_float = av.AudioResampler(format="flt", layout=stream.layout, rate=stream.sample_rate)
    n_read = 0
    try:
        for frame in chain(container.decode(stream), [None]):
            for part in to_float.resample(frame):
                n_read += part.samples
                yield part.to_ndarray().reshape(-1, part.layout.nb_channels).astype(np.float32, copy=False)
    except av.FFmpegError as error:
        raise _DecodingError(f"it is damaged ({error.strerror})") from error
    # A small difference is no damage: containers round the length and include the encoder's padding.
    if n_read < n_samples - 0.1 * stream.sample_rate:
        raise _DecodingError("it is truncated")


def _is_cut_short(path: Path) -> bool:
    """Return true if a RIFF header states more bytes than the file has, which libsndfile does not report."""
    with path.open("rb") as file:
        start = file.read(8)
    if len(start) < 8 or not start.startswith(b"RIFF"):
        return False
    (promised,) = struct.unpack("<I", start[4:8])
    streamed = promised >= 0xFFFFFF00  # placeholder of a recorder that could not go back to write the length
    return not streamed and promised + 8 > path.stat().st_size + 1
