"""Tags in the header of a sound file which state that the sound is synthetic."""

from __future__ import annotations

import hashlib
import mmap
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from datetime import date
from importlib.metadata import version
from pathlib import Path

from myna.audio.formats import Tags
from myna.audio.reading import info
from myna.text import printable

# IPTC NewsCodes, "Digital Source Type": the term that C2PA manifests and other metadata use for the output of a model.
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"

_SYNTHETIC = re.compile(
    r"converted with myna|algorithmic_?media|\b(ai|artificial intelligence)[- ]generated\b"
    r"|\bgenerated (by|with) (ai|artificial intelligence)\b|\bsynthetic (voice|singing|speech|media|audio)\b",
    re.IGNORECASE,
)
# Terms of synthetic media. IGNORECASE would make the search of a large file 20 times slower.
_SOURCE_TYPE_BYTES = re.compile(
    rb"digitalsourcetype/((?:compositeWithTrained|trained)AlgorithmicMedia|algorithmicMedia|compositeSynthetic)"
)
# Type of the box that contains the manifests (C2PA specification 2.1, section 11.1.4.2).
_MANIFEST_BYTES = b"jumdc2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71"
_LONGEST = 500  # largest length of a statement in characters


def conversion_tags(voice: str, source: Path | None = None) -> Tags:
    """Return the tags of a conversion, including what the source's header states about synthetic sound.

    Args:
        voice: name of the voice.
        source: the recording that was converted; None for live conversion.

    Raises:
        AudioError: the source is not a sound file.
    """
    origin = ["live conversion"] if source is None else _origin(source)
    facts = [
        f"converted with myna {version('myna')}",
        f"voice: {voice}",
        f"date: {date.today().isoformat()}",
        *origin[:1],
        f"digital source type: {SOURCE_TYPE}",
        *origin[1:],
    ]
    return Tags(comment=printable("; ".join(facts)))


def _origin(source: Path) -> list[str]:
    """Return the digest of a recording, and the statements in its header about synthetic sound."""
    earlier = statements(source)
    if types := manifest_types(source):
        earlier.append(f"Content Credentials (C2PA) of the type {', '.join(types)}")
    with source.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return [f"source SHA-256: {digest}", *(f"the source says: {one}" for one in earlier)]


def statements(path: Path) -> list[str]:
    """Return those texts in a sound file's header that declare the sound synthetic.

    Raises:
        AudioError: the file is not a sound file.
    """
    found = [text[:_LONGEST] for text in astuple(info(path).tags) if _SYNTHETIC.search(text)]
    if not found and manifest_types(path) is None:  # in a file with a manifest, the types are part of the manifest
        found = [f"digital source type: {one}" for one in _source_types(path)]
    return found


def manifest_types(path: Path) -> list[str] | None:
    """Return the types of synthetic sound in a file's C2PA manifests ("Content Credentials").

    The manifests are not verified. None means no manifest. An empty list means no such type, for example in the
    manifest of a recorder.
    """
    with _content(path) as content:
        found = content.find(_MANIFEST_BYTES) >= 0
    return _source_types(path) if found else None


def _source_types(path: Path) -> list[str]:
    with _content(path) as content:
        return sorted({found[1].decode() for found in _SOURCE_TYPE_BYTES.finditer(content)})


@contextmanager
def _content(path: Path) -> Iterator[mmap.mmap]:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield content
