"""Functions to read audio files, whole or in blocks.

libsndfile reads wav, flac, ogg and similar formats; FFmpeg (PyAV) reads the others: mp3, m4a, webm, video. Files are
decoded in pieces, so that memory use does not grow with the length of the file.

Every file is decoded up to its end. The length in a header is used only to detect truncated files, and only if the
header really states it: FFmpeg estimates a missing length, and programs that write to a pipe store a placeholder.
"""

from __future__ import annotations

import logging
import math
import mmap
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from myna.audio.formats import VORBIS_ORDER, Tags
from myna.audio.mixing import Mix, MixMeter
from myna.audio.resample import resample_pieces
from myna.errors import AudioError

_log = logging.getLogger(__name__)

Samples = NDArray[np.float32]

_DECODED_SAMPLES = 1 << 12  # samples per piece; a decoding error also loses up to this many samples before the error
_UNKNOWN_LENGTH = 1 << 62  # libsndfile reports a larger length if it is unknown
# Lowest and highest plausible rates: telephones use 8 kHz, and DSD at most 2.8 MHz. A file with a wrong rate could
# become very long: 16 kB at 1 Hz are 2 hours.
_LOWEST_RATE, _HIGHEST_RATE = 1000, 3_000_000
# Allows unscaled samples of 32 bits. The squares of much larger numbers would exceed the range of float32.
LARGEST_SAMPLE = 2.0**32
# Allowed difference from the stated length, in seconds: containers round lengths and include the encoder's padding.
_LENGTH_TOLERANCE = 0.1
# Options of FFmpeg. Without this one, FFmpeg would read the path "a:b.m4a" as an address, and open other files that a
# file refers to.
_ALONE = {"protocol_whitelist": "none"}


@dataclass(frozen=True)
class AudioInfo:
    """Header of an audio file.

    `n_samples` is the number of samples per channel. It is 0 if the header does not contain it. For a compressed
    format, it may be an estimate.
    """

    sample_rate: int
    n_samples: int
    n_channels: int
    tags: Tags = field(default_factory=Tags)

    @property
    def seconds(self) -> float:
        return self.n_samples / self.sample_rate


def info(path: Path | str) -> AudioInfo:
    """Read only the header of an audio file.

    Raises:
        AudioError: the file does not exist or is not an audio file.
    """
    with _opened(Path(path)) as sound:
        return sound.info


def read(
    path: Path | str, sample_rate: int | None = None, *, mono: bool = True, strict: bool = False
) -> tuple[Samples, int]:
    """Read a whole file and return its samples and sample rate; samples of integer formats are in -1..1.

    Args:
        path: the audio file.
        sample_rate: sample rate of the result in Hz; by default that of the file.
        mono: return one channel, (N,): the mean of the used channels, all in the same polarity (see `audio.mixing`).
            Otherwise return all channels, (C, N), in WAVE order; for 5.1 this is left, right, centre, LFE, back left,
            back right.
        strict: raise an error if the file is damaged. Otherwise return the part that can be decoded, with a warning.

    Raises:
        AudioError: the file does not exist, is not an audio file, has no samples, or contains NaN, infinity or a sample
            beyond `LARGEST_SAMPLE`.
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
        path: the audio file.
        sample_rate: sample rate of the blocks in Hz; the file may have a different one.
        block_samples: length of a block.
        warn: log a warning if the file is damaged. Pass False when reading the same file again.
        strict: raise an error if the file is damaged. Otherwise yield the part that can be decoded.
        mono: yield one channel (n,), mixed as in `read`. Otherwise yield all channels, (C, n).

    Raises:
        AudioError: for the same reasons as in `read`, as soon as the invalid part is read.
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
    """Decode and check a file, mix it to mono if `mono` is true, and resample it."""
    with _opened(path) as sound:
        checked = _checked(path, sound, warn, strict)
        mix = _find_mix(path, sound.info) if mono else None
        mixed = (_channels(piece, sound.order) if mix is None else mix(piece) for piece in checked)
        yield from resample_pieces(mixed, sound.info.sample_rate, sample_rate)


def _channels(piece: Samples, order: tuple[int, ...] | None) -> Samples:
    """Transpose a piece (n, C) to (C, n) in WAVE order; `order` is the file's channel order as in `_Sound`."""
    return piece.T if order is None else piece.T[np.argsort(order)]


def _find_mix(path: Path, header: AudioInfo) -> Mix:
    """Return the mix of a file to mono; for this, a file with several channels is decoded."""
    if header.n_channels == 1:
        return Mix((0,), (1,))
    stat = path.stat()
    return _measured_mix(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=16)  # a conversion reads its recording at least twice
def _measured_mix(path: Path, n_bytes: int, modified_ns: int) -> Mix:
    with _opened(path) as sound:
        meter = MixMeter(sound.info.n_channels, sound.info.sample_rate)
        with suppress(_DecodingError):  # raised again when the samples are read
            for piece in sound.pieces:
                meter.add(np.nan_to_num(piece, posinf=0.0, neginf=0.0))
        return meter.mix()


def _checked(path: Path, sound: _Sound, warn: bool, strict: bool) -> Iterator[Samples]:
    """Yield the decoded pieces (n, C), or raise an error if they are not valid audio."""
    rate, n_read = sound.info.sample_rate, 0
    try:
        for piece in sound.pieces:
            valid = (np.abs(piece) <= LARGEST_SAMPLE).all(axis=1)  # False for NaN
            if not valid.all():
                seconds = (n_read + int(np.argmin(valid))) / rate
                what = "a sample far beyond full scale" if np.isfinite(piece).all() else "NaN or infinity"
                raise AudioError(f"{path} contains {what} at {seconds:.3f} s; export it again")
            n_read += len(piece)
            yield piece
    except _DecodingError as error:
        if not n_read:
            raise AudioError(f"{path} cannot be decoded: {error.what}") from error
        where = f"{path}: {error.what} after {(n_read if error.at is None else error.at) / rate:.2f} s"
        if strict:
            raise AudioError(f"{where}; copy or export it again") from error
        if warn:
            used = "the part before is used" if error.at is None else "what can be decoded is used"
            _log.warning("%s; %s", where, used)
    if not n_read:
        raise AudioError(f"{path} contains no samples")


def soundfile_path(path: Path) -> bytes:
    """Return a path as bytes: soundfile cannot encode names that are not UTF-8, and opens "-" as standard input."""
    return os.fsencode(path.absolute())


class _SequentialFile(soundfile.SoundFile):  # type: ignore[misc]
    """SoundFile that is read from start to end without seeking.

    After each read of a seekable file, soundfile seeks to the current position. In an mp3 with variable bit rate, this
    seek is wrong by hundreds of samples, so that blocks do not join (soundfile 0.14, libsndfile 1.2.2).
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
    """Raised after the last piece of a file that is damaged or truncated.

    `at` is the number of samples before the damage, or None for a truncated file.
    """

    def __init__(self, what: str, at: int | None = None) -> None:
        super().__init__(what)
        self.what, self.at = what, at


@contextmanager
def _opened(path: Path) -> Iterator[_Sound]:
    if not path.is_file():
        raise AudioError(f"there is no file {path}" if not path.exists() else f"{path} is not a file")
    try:
        if path.stat().st_size == 0:
            raise AudioError(f"{path} is empty (0 bytes)")
        with path.open("rb") as opened:
            start = opened.read(64)
    except OSError as error:
        raise AudioError(f"cannot read {path}: {error.strerror}") from error
    if start.startswith(b"version https://git-lfs"):
        raise AudioError(f"{path} is a Git LFS pointer, not the audio itself; run 'git lfs pull' in its repository")
    with ExitStack() as stack:
        file = None if _is_mp3(start) else _open_soundfile(path, stack)
        if file is not None and file.frames and not _ends_early(path, file):
            n_samples = file.frames if file.frames < _UNKNOWN_LENGTH else 0
            header = AudioInfo(file.samplerate, n_samples, file.channels, Tags.of(file.copy_metadata()))
            order = VORBIS_ORDER.get(file.channels) if file.subtype in ("VORBIS", "OPUS") else None
            sound = _Sound(header, _soundfile_pieces(file, n_samples), order)
        else:
            if start.isascii() and start.decode().replace("\n", "").replace("\r", "").isprintable():
                raise AudioError(f"{path} is text, not audio")
            try:
                sound = stack.enter_context(_opened_by_ffmpeg(path))
            except AudioError:
                if file is None:
                    raise
                raise AudioError(f"{path} contains no samples") from None
        if start.startswith(b"OggS"):
            sound = sound._replace(pieces=_with_whole_pages(path, sound.pieces))
        if not _LOWEST_RATE <= sound.info.sample_rate <= _HIGHEST_RATE:
            raise AudioError(f"{path} states no valid sample rate ({sound.info.sample_rate} Hz); export it again")
        if not sound.info.n_channels:
            raise AudioError(f"{path} states no channels; export it again")
        yield sound


def _is_mp3(start: bytes) -> bool:
    """Return True if a file begins with the header of an MPEG frame or with a tag of an mp3."""
    return start.startswith(b"ID3") or (start[0] == 0xFF and start[1:2] >= b"\xe0")


def _open_soundfile(path: Path, stack: ExitStack) -> soundfile.SoundFile | None:
    """Open a file with libsndfile; None if it does not know the format."""
    try:
        return stack.enter_context(_SequentialFile(soundfile_path(path)))
    # TypeError: soundfile opens .raw files only with a stated format, because they have no header.
    except (soundfile.LibsndfileError, TypeError):
        return None


def _ends_early(path: Path, file: soundfile.SoundFile) -> bool:
    """Return True for files that libsndfile does not read to their end.

    It stops at the estimated end of an mp3 without a stated length, and after the first of several joined ogg files. In
    a voc file, it reads the end of a block as sound.
    """
    if file.format != "OGG":
        return file.format in ("MP3", "VOC")
    with path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as pages:
        later = re.search(rb"OggS\0[\0\1\4\5]", pages)  # a page that does not begin a stream
        return later is not None and re.compile(rb"OggS\0[\2\6]").search(pages, later.end()) is not None


def _with_whole_pages(path: Path, pieces: Iterator[Samples]) -> Iterator[Samples]:
    """Yield the pieces of an ogg file; raise an error after them if the file ends within a page.

    Decoders omit such a page, which may contain a second of sound. A file may end between two pages, because it may be
    a recorded stream.
    """
    yield from pieces
    with path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as pages:
        begin = pages.rfind(b"OggS\0")
        sizes = pages[begin + 27 : begin + 27 + pages[begin + 26]] if begin + 27 <= len(pages) else b""
        if begin + 27 + len(sizes) + sum(sizes) > len(pages):
            raise _DecodingError("it is truncated")


def _soundfile_pieces(file: soundfile.SoundFile, n_samples: int) -> Iterator[Samples]:
    n_read = 0
    while True:
        try:
            piece = file.read(_DECODED_SAMPLES, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise _DecodingError(f"it is damaged ({error.error_string})") from error
        if not len(piece):
            break
        n_read += len(piece)
        yield piece
    if n_read < n_samples or _is_cut_short(file):
        raise _DecodingError("it is truncated")


def _is_cut_short(file: soundfile.SoundFile) -> bool:
    """Return True if the header states more bytes than the file has.

    libsndfile shortens the sound to the bytes that exist, and reports the difference only in its log.
    """
    pattern = r"^ *(?:RIFF|riff|Riff size|FORM|data|SSND|Data Size) *: (\d+) \(should be (\d+)\)"
    sizes = [(int(stated), int(found)) for stated, found in re.findall(pattern, file.extra_info, re.MULTILINE)]
    longer = [stated for stated, found in sizes if stated > found + 1 and not _is_placeholder(stated)]
    # These formats store the sizes of the file and of the sound. If either size is right, nothing is missing.
    return len(longer) >= (2 if file.format in ("WAV", "WAVEX", "AIFF") else 1)


def _is_placeholder(n_bytes: int) -> bool:
    """Return True for sizes near 2 or 4 GiB: programs store them if they cannot go back to write the length."""
    return min(n_bytes % (1 << 31), -n_bytes % (1 << 31)) < 1 << 13


@contextmanager
def opened_container(path: Path) -> Iterator[Any]:
    """Open a file with FFmpeg for reading, as a PyAV container.

    Raises:
        AudioError: FFmpeg does not know the format.
    """
    import av

    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
            container: Any = stack.enter_context(av.open(file, metadata_errors="replace", options=_ALONE))
        except (av.FFmpegError, ValueError, OSError) as error:  # OSError: FFmpeg may seek to a negative position
            raise AudioError(f"{path} is not audio in a known format, or it is incomplete") from error
        yield container


@contextmanager
def _opened_by_ffmpeg(path: Path) -> Iterator[_Sound]:
    import av

    with opened_container(path) as container:
        stream: Any = next(iter(container.streams.audio), None)
        if stream is None:
            raise AudioError(f"{path} contains no audio stream")
        if stream.codec_context is None:
            raise AudioError(f"{path} is in a format that cannot be decoded here; convert it to wav or flac")
        duration = stream.duration * stream.time_base if stream.duration else (container.duration or 0) / av.time_base
        n_before = round(_seconds_before(container, stream) * stream.sample_rate)
        n_samples = n_before + round(duration * stream.sample_rate)
        header = AudioInfo(
            stream.sample_rate, n_samples, stream.channels, Tags.of({**container.metadata, **stream.metadata})
        )
        silence = _silence(n_before, stream.channels)
        yield _Sound(header, chain(silence, _without_padding(_ffmpeg_pieces(path, container, stream))))


def _seconds_before(container: Any, stream: Any) -> float:
    """Return the time in seconds from the beginning of a video to that of its sound; 0 for files without video.

    In audio files, the start time may be the encoder's delay, which must not become silence.
    """
    import av

    if all(map(is_picture, container.streams.video)) or stream.start_time is None or container.start_time is None:
        return 0.0
    seconds = float(stream.start_time * stream.time_base) - container.start_time / av.time_base
    # A start beyond the end is an error in the file.
    return seconds if 0 < seconds < (container.duration or 0) / av.time_base else 0.0


def is_picture(stream: Any) -> bool:
    """Return True if a video stream of PyAV is a picture in the tags of an audio file."""
    return bool(stream.disposition & stream.disposition.attached_pic)


def _silence(n_samples: int, n_channels: int) -> Iterator[Samples]:
    for start in range(0, n_samples, _DECODED_SAMPLES):
        yield np.zeros((min(_DECODED_SAMPLES, n_samples - start), n_channels), np.float32)


class _Piece(NamedTuple):
    """Decoded samples (n, C). The last `padding` samples only fill the encoder's last frame."""

    samples: Samples
    padding: int = 0


def _without_padding(pieces: Iterator[_Piece]) -> Iterator[Samples]:
    """Yield pieces (n, C), and remove the padding of the last one."""
    last: _Piece | None = None
    try:
        for piece in pieces:
            if last is not None:
                yield last.samples
            last = piece
    except _DecodingError:
        if last is not None:
            yield last.samples
        raise
    if last is not None:
        yield last.samples[: len(last.samples) - last.padding]


def _padding(frame: Any) -> int:
    """Return the number of samples in a frame beyond its stated duration.

    A duration that is not stated in samples is ignored, because some containers round it to milliseconds.
    """
    if not frame.duration or frame.time_base * frame.sample_rate != 1:
        return 0
    padding: int = frame.samples - frame.duration
    return max(padding, 0)


def _ffmpeg_pieces(path: Path, container: Any, stream: Any) -> Iterator[_Piece]:
    import av

    n_read = 0
    to_float = _FrameConverter(stream.layout, stream.sample_rate)
    starts: dict[int, float] = {}  # start of the last packet of each stream, in seconds
    end = 0.0  # latest end of a packet
    damage: _DecodingError | None = None

    try:
        for packet in container.demux():
            if packet.pts is not None:
                start, index = float(packet.pts * packet.time_base), packet.stream.index
                # Some containers store no durations. Then assume that a video frame lasts as long as the one before it.
                seconds = float((packet.duration or 0) * packet.time_base) or start - starts.get(index, start)
                starts[index], end = start, max(end, start + seconds)
            if packet.stream.index != stream.index:
                continue
            try:
                frames = packet.decode()
            except av.FFmpegError as error:  # the decoder finds the next packet that it can decode
                if damage is None and not _is_tag(bytes(packet)):
                    damage = _DecodingError(f"it is damaged ({error.strerror})", n_read)
                continue
            for piece in to_float(frames):
                n_read += len(piece.samples)
                yield piece
        for piece in to_float([None]):
            n_read += len(piece.samples)
            yield piece
    except (av.FFmpegError, OSError) as error:
        raise _DecodingError(f"it is damaged ({error.strerror})") from error
    if damage is not None:
        raise damage
    stated, longest = _stated_seconds(path, container, stream)
    # For a stream without a stated length, `stated` is the length of the container, and thus of its longest stream.
    missing_seconds = min(stated - n_read / stream.sample_rate, longest - end)
    if missing_seconds > _LENGTH_TOLERANCE:
        raise _DecodingError("it is truncated")


class _FrameConverter:
    """Converter of decoded frames to pieces (n, C) with one layout and sample rate, even if the stream changes."""

    def __init__(self, layout: Any, sample_rate: int) -> None:
        self._target = {"layout": layout, "rate": sample_rate}
        self._resampler: Any = None
        self._source: tuple[Any, ...] = ()

    def __call__(self, frames: Iterable[Any]) -> Iterator[_Piece]:
        """Convert frames; None in place of a frame yields the samples that are left in the resampler."""
        import av

        for frame in frames:
            source = (frame.format.name, frame.layout.name, frame.sample_rate) if frame is not None else ()
            if source != self._source:
                if self._resampler is not None:
                    yield from map(_Piece, self._resample(None))
                # Interleaved, because PyAV 18 crashes on planar frames with eight channels.
                self._resampler = av.AudioResampler(format="flt", **self._target) if source else None
                self._source = source
            if frame is not None:
                for samples in self._resample(frame):
                    yield _Piece(samples, _padding(frame) if len(samples) == frame.samples else 0)

    def _resample(self, frame: Any) -> Iterator[Samples]:
        for part in self._resampler.resample(frame):
            yield part.to_ndarray().reshape(-1, part.layout.nb_channels).astype(np.float32, copy=False)


def _stated_seconds(path: Path, container: Any, stream: Any) -> tuple[float, float]:
    """Return the stated lengths of the stream and of the longest stream in seconds; 0 if the header does not state one.

    FFmpeg would estimate a missing length from the file's size and the bit rate, so it does not get the size. If the
    format always states the length of each stream, infinity is returned for the longest stream.
    """
    import av

    if container.format.name == "mp3":
        return _mp3_seconds(path, stream.sample_rate), math.inf
    if "mp4" in container.format.name:  # states a length for each stream, often at the end of the file
        return _seconds(container, stream), math.inf
    if container.format.name == "caf":  # states the number of samples, or nothing if it was written to a pipe
        return stream.frames / stream.sample_rate, math.inf
    if container.format.name == "asf":  # the stated length includes the time of buffering
        return 0.0, 0.0
    try:
        with (
            path.open("rb") as file,
            av.open(_OfUnknownSize(file), metadata_errors="replace", options=_ALONE) as header,
        ):
            return _seconds(header, header.streams[stream.index]), _seconds(header)
    except (av.FFmpegError, ValueError, IndexError, OSError):
        return 0.0, 0.0


def _seconds(container: Any, stream: Any = None) -> float:
    """Return the length of a stream, or of its container if the stream has none, in seconds; 0 if both have none."""
    import av

    if stream is not None and stream.duration:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / av.time_base


class _OfUnknownSize:
    """File that can only be read from start to end, so that FFmpeg does not know its size."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, n_bytes: int) -> bytes:
        return self._file.read(n_bytes)


def _mp3_seconds(path: Path, sample_rate: int) -> float:
    """Return the length in seconds that the first frame of an mp3 states (Xing, Info or VBRI header), or 0."""
    with path.open("rb") as file:
        tag = file.read(10)
        # An ID3 size has 7 bits per byte.
        size = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(reversed(tag[6:])))
        file.seek(10 + size if tag.startswith(b"ID3") else 0)
        found = re.search(rb"(?:(?:Xing|Info)\0\0\0[\x01-\x0f]|VBRI.{10})(.{4})", file.read(1 << 12), re.DOTALL)
    n_frames = int.from_bytes(found[1]) if found else 0
    return n_frames * (1152 if sample_rate >= 32000 else 576) / sample_rate


def _is_tag(packet: bytes) -> bool:
    """Return True if a packet is a tag or padding instead of audio, for example between joined files."""
    return packet.startswith((b"ID3", b"TAG", b"APETAGEX", b"LYRICSBEGIN", bytes(16)))
