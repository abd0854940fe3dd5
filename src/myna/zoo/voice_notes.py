"""The user's notes about a voice, in the file `voice.json` beside its weights: tags, text and default options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from myna.errors import ConfigError
from myna.options import check_voice_defaults, usable_voice_defaults
from myna.storage.atomic import write_text
from myna.storage.records import read_record

NAME = "voice.json"
_MAX_TAGS, _MAX_TAG_LENGTH, _MAX_TEXT_LENGTH = 20, 40, 10_000


class VoiceNotes(BaseModel):
    """Notes of a user about a voice."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    tags: tuple[str, ...] = ()
    notes: str = ""
    defaults: dict[str, Any] | None = None  # values of `ConversionOptions`; None keeps those in the voice's own file

    def checked(self) -> VoiceNotes:
        """Return the notes with tidy tags, and without the default options that equal the general defaults.

        Raises:
            ConfigError: a default option is not usable, or the notes are too long.
        """
        tags = tuple(dict.fromkeys(tag for raw in self.tags if (tag := " ".join(raw.split()))))
        if len(tags) > _MAX_TAGS or any(len(tag) > _MAX_TAG_LENGTH for tag in tags):
            raise ConfigError(f"a voice can have {_MAX_TAGS} tags of {_MAX_TAG_LENGTH} characters")
        if len(self.notes) > _MAX_TEXT_LENGTH:
            raise ConfigError(f"notes can have {_MAX_TEXT_LENGTH:,} characters; these have {len(self.notes):,}")
        defaults = None if self.defaults is None else check_voice_defaults(self.defaults)
        return VoiceNotes(tags=tags, notes=self.notes, defaults=defaults)


def read_notes(folder: Path) -> VoiceNotes:
    """Read the notes in a folder; return empty notes if the file is missing or damaged."""
    return read_record(VoiceNotes, folder / NAME) or VoiceNotes()


def write_notes(folder: Path, notes: VoiceNotes) -> None:
    """Write the notes into a folder.

    Raises:
        OSError: the file cannot be written.
    """
    write_text(folder / NAME, notes.model_dump_json(indent=2, exclude_defaults=True))


def default_options(weights: Path, stored: dict[str, Any] | None) -> dict[str, Any]:
    """Return the default options of a voice: those in the user's notes, or else those `stored` in its file."""
    noted = read_notes(weights.parent).defaults
    return usable_voice_defaults(noted if noted is not None else stored or {})
