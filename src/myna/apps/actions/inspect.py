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

    types: list[str]  # types of synthetic sound stated by the manifests
    state: State


@dataclass(frozen=True)
class SoundInspection:
    """Signs that a sound is synthetic. A sound without these signs may still be synthetic."""

    path: str
    synthetic: bool  # true if any sign was found
    tags: list[str]  # texts in the file's header which state that the sound is synthetic
    mark: Detection  # result of the search for myna's mark in the samples
    manifest: ManifestFacts | None  # None if the file contains no C2PA manifest


@dataclass(frozen=True)
class Inspected:
    """Inspections by file or voice name, and the errors of files that could not be read."""

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
    """Inspect files of any kind. If `config` is None, the configuration beside each voice file is used."""
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
    """Search a sound file for signs that its sound is synthetic: tags, myna's mark and C2PA manifests.

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
    """Inspect the bundled voices, the voices downloaded from the hub, the voices of the studio, and those in `folder`.

    Other files are left out. `svc infer -m` accepts the returned names.
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
