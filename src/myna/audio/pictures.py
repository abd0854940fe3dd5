"""Pictures in audio files: the cover art of a song."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from myna.audio.reading import is_picture, opened_container
from myna.errors import AudioError

# Formats of pictures that mp3, flac and m4a can store: FFmpeg's codec and the media type.
_MEDIA_TYPES = {"mjpeg": "image/jpeg", "png": "image/png"}
FRONT_COVER = 3  # type of picture in ID3 and FLAC
_FLAC_PICTURE = 6  # type of metadata block in FLAC
MOST_PICTURE_BYTES = (1 << 24) - 100  # FLAC stores the size of a picture and its description in 24 bits


@dataclass(frozen=True)
class Picture:
    """A compressed picture of at most `MOST_PICTURE_BYTES`, with FFmpeg's name of its codec, "mjpeg" or "png"."""

    data: bytes
    codec: str
    width: int
    height: int

    def __post_init__(self) -> None:
        if len(self.data) > MOST_PICTURE_BYTES:
            raise ValueError(f"a picture of {len(self.data) / 1e6:.0f} MB cannot be stored in every format")

    @property
    def media_type(self) -> bytes:
        return _MEDIA_TYPES[self.codec].encode()


def read_picture(path: Path | str) -> Picture | None:
    """Return the first JPEG or PNG picture of at most 16 MB in the tags of an audio file; None if there is none."""
    import av

    try:
        with opened_container(Path(path)) as container:
            for stream in container.streams.video:
                codec = stream.codec_context
                if codec is None or codec.name not in _MEDIA_TYPES or not is_picture(stream):
                    continue
                packet = next(container.demux(stream), None)
                if packet is not None and 0 < packet.size <= MOST_PICTURE_BYTES:
                    return Picture(bytes(packet), codec.name, codec.width, codec.height)
    except (AudioError, av.FFmpegError, OSError):  # OSError: in a damaged file, FFmpeg may seek to a negative position
        return None
    return None


def add_stream(container: Any, picture: Picture) -> Any:
    """Add a stream for a picture to a PyAV container, and return the packet to write first."""
    import av
    from av.stream import Disposition

    # FFmpeg requires the size of a picture, although the format does not store it.
    stream = container.add_mux_stream(picture.codec, width=picture.width or 1, height=picture.height or 1)
    stream.disposition = Disposition.attached_pic
    packet = av.Packet(picture.data)
    packet.stream, packet.pts, packet.dts = stream, 0, 0
    return packet


def begin_flac(old: BinaryIO, new: BinaryIO, picture: Picture) -> None:
    """Copy the start of a FLAC file, and write a picture as the second metadata block (RFC 9639, section 8.8)."""
    kind = picture.media_type
    size = struct.pack(">5I", picture.width, picture.height, 24, 0, len(picture.data))
    block = struct.pack(">2I", FRONT_COVER, len(kind)) + kind + bytes(4) + size + picture.data
    magic, header = old.read(4), old.read(4)
    stream_info = old.read(int.from_bytes(header[1:]))
    # The first bit of a block header marks the last block.
    is_last = header[0] & 0x80
    new.write(magic + bytes([header[0] & 0x7F]) + header[1:] + stream_info)
    new.write(bytes([is_last | _FLAC_PICTURE]) + len(block).to_bytes(3) + block)
