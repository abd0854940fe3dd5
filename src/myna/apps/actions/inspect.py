"""Inspection of voice files, and the list of the voices on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from myna.apps.actions.voice_files import VoiceFiles
from myna.errors import CheckpointError, ConfigError, MynaError

if TYPE_CHECKING:
    from myna.zoo.inspection import Inspection


@dataclass(frozen=True)
class Inspected:
    """Inspections with the names of the files or voices, and the errors of those that could not be read."""

    found: list[tuple[str, Inspection]]
    failed: list[MynaError]


def inspect_voice(voice: VoiceFiles) -> Inspection:
    """Inspect a voice.

    Raises:
        CheckpointError: the voice cannot be read.
    """
    from myna.zoo.inspection import inspect

    return inspect(voice.find_weights(), voice.config)


def inspect_files(files: Sequence[Path], config: Path | None = None) -> Inspected:
    """Inspect files, which need not be voices. If `config` is None, a configuration beside each file is used."""
    from myna.zoo.inspection import inspect

    found: list[tuple[str, Inspection]] = []
    failed: list[MynaError] = []
    for path in files:
        try:
            found.append((str(path), inspect(path, config)))
        except (CheckpointError, ConfigError) as error:
            failed.append(error)
    return Inspected(found, failed)


def list_voices(folder: Path) -> Inspected:
    """Inspect the bundled voices, the voices downloaded from the hub, those of the web page, and those in `folder`.

    Files that are not voices are left out. `svc infer -m` accepts the returned names.
    """
    from myna.studio.voices import Library, bundled, from_hub, in_folder
    from myna.studio.workspace import Workspace, default_folder

    found: list[tuple[str, Inspection]] = []
    failed: list[MynaError] = []
    places = [*bundled(), *from_hub(), *Library(Workspace(default_folder())).own(), *in_folder(folder)]
    for place in sorted(places, key=lambda place: place.model):
        try:
            voice = inspect_voice(VoiceFiles(place.path, place.config))
        except MynaError as error:
            failed.append(error)
            continue
        if voice.sings:
            found.append((place.model, voice))
    return Inspected(found, failed)
