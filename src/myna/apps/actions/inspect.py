"""Inspection of voice files and of sounds, and the list of the voices on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from myna.apps.actions.voice_files import VoiceFiles
from myna.errors import AudioError, CheckpointError, ConfigError, MynaError
from myna.progress import Progress, silent

if TYPE_CHECKING:
    from myna.audio.marking.detection import Detection
    from myna.audio.marking.manifest import State
    from myna.zoo.inspection import Inspection


@dataclass(frozen=True)
class ManifestFacts:
    """Facts about the C2PA manifests ("Content Credentials") of a file."""

    types: list[str]  # types of synthetic sound that the manifests name
    state: State


@dataclass(frozen=True)
class SoundInspection:
    """Signs that a sound is synthetic. A sound without any may be synthetic nevertheless."""

    path: str
    synthetic: bool  # whether there is any sign
    tags: list[str]  # texts in the header of the file which state that it is synthetic
    mark: Detection  # search for the mark in the sound itself
    manifest: ManifestFacts | None  # None if the file contains no C2PA manifest


@dataclass(frozen=True)
class Inspected:
    """Inspections with the names of the files or voices, and the errors of those that could not be read."""

    found: list[tuple[str, Inspection]]
    failed: list[MynaError]
    sounds: list[SoundInspection] = field(default_factory=list)


def inspect_voice(voice: VoiceFiles) -> Inspection:
    """Inspect a voice.

    Raises:
        CheckpointError: the voice cannot be read.
    """
    from myna.zoo.inspection import inspect

    return inspect(voice.find_weights(), voice.config)


def inspect_files(files: Sequence[Path], config: Path | None = None, progress: Progress = silent) -> Inspected:
    """Inspect files: sounds, voices and others. If `config` is None, a configuration beside each file is used."""
    from myna.audio.folders import is_recording
    from myna.zoo.inspection import inspect

    result = Inspected([], [])
    for path in files:
        try:
            if is_recording(path):
                result.sounds.append(inspect_sound(path, progress))
            else:
                result.found.append((str(path), inspect(path, config)))
        except (AudioError, CheckpointError, ConfigError) as error:
            result.failed.append(error)
    return result


def inspect_sound(path: Path, progress: Progress = silent) -> SoundInspection:
    """Search a sound file for signs that its sound is synthetic.

    Raises:
        AudioError: the file cannot be read.
    """
    from myna.audio.io import blocks
    from myna.audio.marking.detection import DETECTION_RATE, detect
    from myna.audio.marking.manifest import validation_state
    from myna.audio.marking.tags import manifest_types, statements

    tags, types = statements(path), manifest_types(path)
    mark = detect(blocks(path, DETECTION_RATE, DETECTION_RATE), progress, path.name)
    manifest = None if types is None else ManifestFacts(types, validation_state(path))
    return SoundInspection(str(path), bool(tags or types or mark.found), tags, mark, manifest)


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
