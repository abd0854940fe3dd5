"""Where the studio keeps things: one folder, whose names a person can read."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from myna.errors import ConfigError

_MOST_LETTERS = 80  # of a name: file systems take 255 bytes, and a suffix comes after it
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)  # files that Windows refuses


@dataclass(frozen=True)
class Workspace:
    """The folder of a studio.

    folder/voices/NAME/        voices that were added or packed
    folder/training/NAME/      voices in training, each laid out as the commands of `svc` lay them out
    folder/sung/               what was sung
    folder/sung/shown/NUMBER/  for each of these: its source, and what the page shows of it
    folder/presets/NAME.json   chosen options
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

    def create(self) -> None:
        """Make the folders.

        Raises:
            ConfigError: they cannot be made.
        """
        try:
            for folder in (self.voices, self.training, self.shown, self.presets):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"cannot write {self.folder} ({error.strerror}); choose another folder with --folder"
            ) from error


def default_folder() -> Path:
    """Where a studio is kept, unless somebody says otherwise."""
    return Path.home() / "myna"


def safe_name(text: str) -> str:
    """`text` as the name of a file or folder: without what leads elsewhere, hides, or is refused by a system.

    Raises:
        ConfigError: nothing is left of it.
    """
    plain = "".join(
        " " if letter in '/\\:*?"<>|' or unicodedata.category(letter)[0] == "C" else letter
        for letter in unicodedata.normalize("NFC", text)
    )
    name = " ".join(plain.split()).strip(". ")[:_MOST_LETTERS].strip(". ")
    if not name or _RESERVED.fullmatch(name.split(".")[0]):
        raise ConfigError(f"{text!r} is no name: use letters or digits")
    return name


def unused(path: Path) -> Path:
    """`path`, or where it is taken, `path` with a number."""
    number, free = 2, path
    while free.exists():
        free = path.with_name(f"{path.stem} {number}{path.suffix}")
        number += 1
    return free
