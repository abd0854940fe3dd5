"""Files of the pitch edits of a result, and the stretches in which two lists of edits differ.

The edits of a result are in `shown/NUMBER/pitch/edits.json`, in the format of `svc infer --pitch`. The same folder
contains the conversion without edits. For a cover, it also contains the conversion with edits, and in `mixed.json` the
edits of the current mix.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from myna.storage.atomic import write_text
from myna.studio import results, stems
from myna.studio.results import Result
from myna.studio.workspace import Workspace

if TYPE_CHECKING:
    from myna.features.pitch_edits import PitchEdits

_FOLDER, _EDITS, _NEXT, _MIXED = "pitch", "edits.json", "next.json", "mixed.json"
_UNEDITED, _SUNG = "unedited.wav", "sung.wav"


@dataclass(frozen=True)
class PitchFiles:
    """Files for editing the pitch of a result."""

    vocal: Path  # the recording to convert
    sung: Path  # the conversion with the edits
    folder: Path
    in_mix: bool  # whether the conversion is part of a mix instead of the result itself

    @property
    def unedited(self) -> Path:
        """The conversion without edits."""
        kept = self.folder / _UNEDITED
        return kept if kept.is_file() else self.sung

    @property
    def edits(self) -> Path:
        return self.folder / _EDITS

    def keep_unedited(self) -> None:
        """Copy the conversion before the first edit."""
        self.folder.mkdir(exist_ok=True)
        kept = self.folder / _UNEDITED
        if not kept.is_file():
            shutil.copyfile(self.sung, kept)

    def read(self) -> PitchEdits:
        """Read the edits; without a file, return no edits.

        Raises:
            ConfigError: the file is malformed.
        """
        from myna.features.pitch_edits import PitchEdits, read_pitch_edits

        return read_pitch_edits(self.edits) if self.edits.is_file() else PitchEdits()

    def write_next(self, edits: PitchEdits) -> Path:
        """Write edits that are not in the conversion yet to their own file, and return its path."""
        path = self.folder / _NEXT
        write_text(path, edits.text())
        return path

    def write(self, edits: PitchEdits) -> None:
        """Store the edits that are now in the conversion."""
        if edits:
            write_text(self.edits, edits.text())
        else:
            self.edits.unlink(missing_ok=True)

    def keep_mixed(self) -> None:
        """Record that the mix of the cover contains the current edits."""
        if (text := _text(self.edits)) is not None:
            write_text(self.folder / _MIXED, text)
        else:
            (self.folder / _MIXED).unlink(missing_ok=True)


def pitch_files(workspace: Workspace, result: Result) -> PitchFiles:
    """Return the files of a result; the conversion of a cover is made only when its pitch is first opened.

    Raises:
        AudioError: the recording to convert is missing.
    """
    folder = workspace.shown / str(result.number) / _FOLDER
    original = stems.original_voice(workspace, result.number)
    if original is not None:
        return PitchFiles(original, folder / _SUNG, folder, in_mix=True)
    return PitchFiles(results.source(workspace, result), result.path, folder, in_mix=False)


def needs_mix(workspace: Workspace, result: Result) -> bool:
    """Return True if the mix of a cover lacks its last pitch edits."""
    folder = workspace.shown / str(result.number) / _FOLDER
    return _text(folder / _EDITS) != _text(folder / _MIXED)


def changed_stretches(before: PitchEdits, after: PitchEdits) -> list[tuple[float, float]]:
    """Return the stretches in seconds in which two lists of edits differ, ascending and disjoint.

    All edits after the first difference of the lists count, because they are applied to different contours.
    """
    shared = 0
    for one, other in zip(before.edits, after.edits, strict=False):
        if one != other:
            break
        shared += 1
    found: list[tuple[float, float]] = []
    for edit in sorted((*before.edits[shared:], *after.edits[shared:]), key=lambda edit: edit.start):
        if found and edit.start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], edit.end))
        else:
            found.append((edit.start, edit.end))
    return found


def _text(path: Path) -> str | None:
    return path.read_text("utf-8") if path.is_file() else None
