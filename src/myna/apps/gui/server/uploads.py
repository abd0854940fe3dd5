"""Files sent by pages: `workspace/uploads/ID/NAME`, kept for a day after their last use."""

from __future__ import annotations

import re
import shutil
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from myna.apps.gui.server.errors import NotFound
from myna.studio.workspace import Workspace, safe_name

_ID = re.compile(r"[0-9a-f]{32}")
_NOT_IN_SUFFIXES = re.compile(r"[^.A-Za-z0-9_-]")
_MAX_SUFFIX = 20
_KEPT_SECONDS = 24 * 3600.0


class NoSuchUpload(NotFound):
    """There is no upload with that id."""


@dataclass(frozen=True)
class Upload:
    """A file that a page has sent."""

    id: str
    path: Path

    @property
    def name(self) -> str:
        return self.path.name


@dataclass(frozen=True)
class Uploads:
    """The uploads of a workspace."""

    workspace: Workspace

    @property
    def folder(self) -> Path:
        return self.workspace.folder / "uploads"

    def reserve(self, name: str) -> Upload:
        """Create an upload without content, for a file with the name `name`.

        Raises:
            ConfigError: `name` cannot be used as a file name.
        """
        path = Path(name.replace("\\", "/").rpartition("/")[2])
        stored = f"{safe_name(path.stem)}{_NOT_IN_SUFFIXES.sub('', path.suffix)[:_MAX_SUFFIX]}"
        id = uuid.uuid4().hex
        (self.folder / id).mkdir(parents=True)
        return Upload(id, self.folder / id / stored)

    def find(self, id: str) -> Upload:
        """Find an upload by its id, and count this as a use of it.

        Raises:
            NoSuchUpload: there is no upload with that id.
        """
        folder = self.folder / id if _ID.fullmatch(id) else None
        files = [path for path in folder.iterdir() if path.is_file()] if folder is not None and folder.is_dir() else []
        if folder is None or len(files) != 1:
            raise NoSuchUpload("this upload has expired: send the file again")
        folder.touch()
        return Upload(id, files[0])

    def delete(self, id: str) -> None:
        """Delete an upload, if it exists."""
        if _ID.fullmatch(id):
            shutil.rmtree(self.folder / id, ignore_errors=True)

    def clean(self, used: frozenset[str]) -> None:
        """Delete the uploads that were last used more than a day ago, except those in `used`."""
        old = time.time() - _KEPT_SECONDS
        for folder in self.folder.iterdir() if self.folder.is_dir() else ():
            if folder.name not in used and folder.stat().st_mtime < old:
                shutil.rmtree(folder, ignore_errors=True)
