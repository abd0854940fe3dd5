"""Layout of the studio's folder, and readable names for its files."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from myna.errors import ConfigError

_MAX_NAME_LENGTH = 80  # in characters; file systems allow 255 bytes, including the suffix
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)  # names that Windows reserves


@dataclass(frozen=True)
class Workspace:
    """The folder of a studio.

    folder/voices/NAME/        added and packed voices
    folder/training/NAME/      voices in training, in the layout of the `svc` commands
    folder/sung/               conversion results
    folder/sung/shown/NUMBER/  source, record and display data of each result
    folder/presets/NAME.json   saved options
    folder/uploads/ID/         files that the page has sent
    folder/jobs/               the list of jobs
    folder/trash/ID/           deleted items, which can be restored
    folder/cache/              facts that can be computed again: about songs and voices
    folder/made/ID/            packed and exported voices, for download
    """

    folder: Path

    @property
    def voices(self) -> Path:
        return self.folder / "voices"

    @property
    def training(self) -> Path:
        return self.folder / "training"

    @property
    def sung(self) -> Path:
        return self.folder / "sung"

    @property
    def shown(self) -> Path:
        return self.sung / "shown"

    @property
    def presets(self) -> Path:
        return self.folder / "presets"

    @property
    def trash(self) -> Path:
        return self.folder / "trash"

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    @property
    def made(self) -> Path:
        return self.folder / "made"

    def create(self) -> None:
        """Create the folders.

        Raises:
            ConfigError: the folders cannot be created.
        """
        try:
            for folder in (self.voices, self.training, self.shown, self.presets):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"cannot write to {self.folder} ({error.strerror}); choose another folder with --folder"
            ) from error


def default_folder() -> Path:
    """Return the studio's default folder, `~/myna`."""
    return Path.home() / "myna"


def safe_name(text: str) -> str:
    """Convert `text` to a file name without path separators, leading dots and characters that some systems reject.

    Raises:
        ConfigError: `text` contains no usable character, or is a name that Windows reserves.
    """
    plain = "".join(
        " " if letter in '/\\:*?"<>|' or unicodedata.category(letter)[0] == "C" else letter
        for letter in unicodedata.normalize("NFC", text)
    )
    name = " ".join(plain.split()).strip(". ")[:_MAX_NAME_LENGTH].strip(". ")
    if not name or _RESERVED.fullmatch(name.split(".")[0]):
        raise ConfigError(f"{text!r} is not a valid name: use letters or digits")
    return name


def unused(path: Path) -> Path:
    """Return `path` or, if it exists already, the path with an unused number before the suffix."""
    number, free = 2, path
    while free.exists():
        free = path.with_name(f"{path.stem} {number}{path.suffix}")
        number += 1
    return free
