"""Review of uploaded files before they are added as voices; archives among them are unpacked."""

from __future__ import annotations

import threading
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from myna.apps.gui.tasks.voices import ReviewFiles, UnpackArchive
from myna.studio.importing import Review, SentFile
from myna.text import printable

if TYPE_CHECKING:
    from myna.apps.gui.server.context import Studio

_unpacking = threading.Lock()
# Unpacked files of archives, by the upload of the archive, so that another review needs no more disk space.
_unpacked: WeakKeyDictionary[Studio, dict[str, list[tuple[str, str]]]] = WeakKeyDictionary()


def review_uploads(studio: Studio, ids: list[str]) -> Review:
    """Sort uploads, and the files in uploaded archives, into voices.

    Raises:
        NoSuchUpload: an upload has expired.
        MynaError: an archive cannot be unpacked.
    """
    files: list[SentFile] = []
    for id in dict.fromkeys(ids):
        upload = studio.uploads.find(id)
        inside = _inside(studio, id, upload.path)
        if inside is None:
            files.append(SentFile(id, upload.name, upload.path))
        else:
            files += [SentFile(one, name, studio.uploads.find(one).path) for one, name in inside]
    found: Review = studio.call(ReviewFiles(tuple(files)))
    return found


def _inside(studio: Studio, id: str, path: Path) -> list[tuple[str, str]] | None:
    """Return the uploads made from an archive's files, with their names in it; None if `path` is not an archive."""
    with _unpacking:
        known = _unpacked.setdefault(studio, {})
        if id in known and all(_is_there(studio, one) for one, _ in known[id]):
            return known[id]
        folder = path.parent / "unpacked"
        entries: list[tuple[str, Path]] | None = studio.call(UnpackArchive(path, folder))
        if entries is None:
            return None
        found = []
        for name, place in entries:
            upload = studio.uploads.reserve(printable(PurePosixPath(name).name))
            place.replace(upload.path)
            found.append((upload.id, f"{path.stem}/{name}"))
        known[id] = found
        return found


def _is_there(studio: Studio, id: str) -> bool:
    return any((studio.uploads.folder / id).glob("*"))
