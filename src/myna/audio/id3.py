"""Tags of mp3 files (ID3v2.3.0).

LAME is not used to write the tags: it stores some texts in the wrong encoding, only the year of a date, and neither
copyright nor picture.
"""

from __future__ import annotations

import re

from myna.audio.formats import Tags
from myna.audio.pictures import FRONT_COVER, Picture

_FRAMES = {
    "title": "TIT2",
    "artist": "TPE1",
    "album": "TALB",
    "genre": "TCON",
    "track_number": "TRCK",
    "copyright": "TCOP",
}
_UTF_16, _LATIN_1 = b"\1", b"\0"
_NO_LANGUAGE = b"und"
_DATE = re.compile(r"(\d{4})(?:-(\d\d)-(\d\d))?")


def id3_tag(tags: Tags, picture: Picture | None = None) -> bytes:
    """Return the bytes of the tag at the beginning of an mp3 file; empty if there is nothing to store."""
    frames = [_frame(_FRAMES[name], _UTF_16 + _text(text)) for name, text in tags.filled().items() if name in _FRAMES]
    if tags.comment:
        frames.append(_frame("COMM", _UTF_16 + _NO_LANGUAGE + _text("") + bytes(2) + _text(tags.comment)))
    if date := _DATE.match(tags.date):
        year, month, day = date.groups()
        frames.append(_frame("TYER", _UTF_16 + _text(year)))
        if day:
            frames.append(_frame("TDAT", _UTF_16 + _text(day + month)))
    if picture is not None:
        kind = picture.media_type + bytes([0, FRONT_COVER, 0])
        frames.append(_frame("APIC", _LATIN_1 + kind + picture.data))
    body = b"".join(frames)
    # An ID3 size has 7 bits per byte.
    size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\3\0\0" + size + body if body else b""


def _frame(name: str, content: bytes) -> bytes:
    return name.encode() + len(content).to_bytes(4) + bytes(2) + content


def _text(text: str) -> bytes:
    return "\ufeff".encode("utf-16-le") + text.replace("\0", "").encode("utf-16-le", "replace")
