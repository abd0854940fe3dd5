"""Pictures in audio files: the cover art of a song."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from myna.audio.reading import is_picture, opened_container
from myna.errors import AudioError

# Kinds of pictures that mp3, flac and m4a store: FFmpeg's codec and the media type.
_MEDIA_TYPES = {"mjpeg": "image/jpeg", "png": "image/png"}
_FRONT_COVER = 3  # a type of picture in ID3 and FLAC
_FLAC_PICTURE = 6  # a type of metadata block
_MOST_FLAC_BYTES = (1 << 24) - 1  # in a metadata block
_ID3_HEADER = 10  # bytes


@dataclass(frozen=True)
class Picture:
    """A compressed picture under FFmpeg's name of its codec, "mjpeg" or "png"."""

    data: bytes
    codec: str
    width: int
    height: int

    @property
    def media_type(self) -> bytes:
        return _MEDIA_TYPES[self.codec].encode()


def read_picture(path: Path | str) -> Picture | None:
    """Return the first picture in the tags of an audio file; None if it has none in JPEG or PNG."""
    import av

    try:
        with opened_container(Path(path)) as container:
            for stream in container.streams.video:
                codec = stream.codec_context
                if codec is None or codec.name not in _MEDIA_TYPES or not is_picture(stream):
                    continue
                if (packet := next(container.demux(stream), None)) is not None and packet.size:
                    return Picture(bytes(packet), codec.name, codec.width, codec.height)
    except (AudioError, av.FFmpegError):
        return None
    return None


def add_stream(container: Any, picture: Picture) -> Any:
    """Add a stream for a picture to a PyAV container, and return the packet with which the container begins."""
    import av
    from av.stream import Disposition

    stream = container.add_mux_stream(picture.codec, width=picture.width, height=picture.height)
    stream.disposition = Disposition.attached_pic
    packet = av.Packet(picture.data)
    packet.stream, packet.pts, packet.dts = stream, 0, 0
    return packet


def copy_with_picture(source: Path, target: Path, suffix: str, picture: Picture) -> None:
    """Copy a file whose suffix is in `ADDERS`, and add a picture to its tags.

    Raises:
        ValueError: the format cannot store this picture.
        OSError: the file cannot be written.
    """
    with source.open("rb") as old, target.open("wb") as new:
        ADDERS[suffix](old, new, picture)
        shutil.copyfileobj(old, new)


def _begin_flac(old: BinaryIO, new: BinaryIO, picture: Picture) -> None:
    """Copy the start of a FLAC file, and write a picture as the second metadata block (RFC 9639, section 8.8)."""
    kind = picture.media_type
    size = struct.pack(">5I", picture.width, picture.height, 24, 0, len(picture.data))
    block = struct.pack(">2I", _FRONT_COVER, len(kind)) + kind + bytes(4) + size + picture.data
    if len(block) > _MOST_FLAC_BYTES:
        raise ValueError(f"it has {len(picture.data) / 1e6:.0f} MB, and FLAC stores up to 16 MB")
    magic, header = old.read(4), old.read(4)
    stream_info = old.read(int.from_bytes(header[1:]))
    # The first bit of a header marks the last block.
    is_last = header[0] & 0x80
    new.write(magic + bytes([header[0] & 0x7F]) + header[1:] + stream_info)
    new.write(bytes([is_last | _FLAC_PICTURE]) + len(block).to_bytes(3) + block)


def _begin_mp3(old: BinaryIO, new: BinaryIO, picture: Picture) -> None:
    """Write the ID3 tag of an mp3 with a picture as its first frame (ID3v2.3.0, section 4.15; ID3v2.4.0)."""
    header = old.read(_ID3_HEADER)
    if not header.startswith(b"ID3"):
        old.seek(0)
        header = b"ID3\3\0\0" + bytes(4)
    frame = b"\0" + picture.media_type + bytes([0, _FRONT_COVER, 0]) + picture.data
    # Sizes have 7 bits per byte, except those of frames in version 3.
    size = _in_sevens(len(frame)) if header[3] == 4 else len(frame).to_bytes(4)
    frame = b"APIC" + size + bytes(2) + frame
    whole = sum(byte << 7 * place for place, byte in enumerate(reversed(header[6:]))) + len(frame)
    new.write(header[:6] + _in_sevens(whole) + frame)


def _in_sevens(number: int) -> bytes:
    if number >= 1 << 28:
        raise ValueError("it is too large for an mp3")
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


ADDERS: dict[str, Callable[[BinaryIO, BinaryIO, Picture], None]] = {".flac": _begin_flac, ".mp3": _begin_mp3}
