"""Library of the voices on this machine: bundled, added, downloaded from the hub, or in training.

Listing voices opens no files. Only `Library.add`, which inspects files, loads PyTorch.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from myna.assets import BUNDLED_VOICES
from myna.assets.hub import Address, cache_folders, cached_voices, forget, parse_address
from myna.assets.voice_names import is_generator
from myna.audio.folders import visible_folders
from myna.errors import CheckpointError, ConfigError, MynaError
from myna.layout import LOGS
from myna.options import usable_voice_defaults
from myna.storage.atomic import write_text
from myna.studio import installs, trash
from myna.studio.workspace import Workspace, safe_name
from myna.zoo.voice_notes import VoiceNotes, read_notes, write_notes

_NUMBERED = re.compile(r"G_\d+\.pth")
_TRAINED = re.compile(r"G_0*[1-9]\d*\.pth")  # G_0.pth holds the initial weights
_OF_CHECKPOINT = re.compile(r"(?P<project>.+) \(in training, (?P<number>[1-9]\d*)\)")
_CONFIG = "config.json"
_EXPORTED = ".onnx"
_OTHER_NOTES = "voice-notes.json"
TRASHED = "voice"  # kind of a voice in the trash
_ABANDONED_SECONDS = 24 * 3600  # age from which a partially copied voice is deleted


class Origin(StrEnum):
    """Source of a voice."""

    BUNDLED = "bundled"
    ADDED = "added"
    HUB = "hub"
    TRAINING = "training"
    FOUND = "found"  # in a folder of another program that the user added


@dataclass(frozen=True)
class LibraryVoice:
    """A voice listed by name; its files are not checked until it is opened."""

    name: str
    origin: Origin
    path: Path  # the weights, or the folder that contains them
    config: Path | None = None  # path if it is neither in nor beside the weights
    retrieval: Path | None = None  # index or centroids that are neither in the weights nor beside them under our names

    @property
    def model(self) -> str:
        """Value of the flag `-m` for this voice."""
        return self.name if self.origin in (Origin.BUNDLED, Origin.HUB) else str(self.path)


@dataclass(frozen=True)
class Library:
    """All voices available in a studio."""

    workspace: Workspace

    def all(self) -> list[LibraryVoice]:
        """List all voices, the user's own first. Of voices with the same name, only the first one is listed."""
        found: dict[str, LibraryVoice] = {}
        for voice in (*self.own(), *bundled(), *from_hub()):
            found.setdefault(voice.name, voice)
        for voice in self.installed():
            name = voice.name
            if name in found:  # voices in several folders may have the same name
                name = f"{name} ({voice.path.parent.name})"
            found.setdefault(name, replace(voice, name=name))
        return list(found.values())

    def installed(self) -> list[LibraryVoice]:
        """List the voices in folders of other programs, which the user added to the studio."""
        return [
            LibraryVoice(voice.name, Origin.FOUND, voice.weights, voice.config, voice.retrieval)
            for folder in installs.folders(self.workspace)
            for voice in installs.find_voices(folder)
        ]

    def own(self) -> list[LibraryVoice]:
        """List the voices in the studio's folder: first the added ones, then those in training."""
        added = (_added(folder) for folder in visible_folders(self.workspace.voices))
        trained = (_in_training(folder) for folder in visible_folders(self.workspace.training))
        return [voice for voice in (*added, *trained) if voice is not None]

    def find(self, name: str | None) -> LibraryVoice:
        """Find a voice by name.

        Raises:
            ConfigError: there is no such voice.
        """
        known = {voice.name: voice for voice in self.all()}
        found = known.get(name or "") or self._checkpoint(name)
        if found is None:
            raise ConfigError(f"no voice {name!r} here; there are: {', '.join(known) or 'none'}")
        return found

    def add(self, files: Sequence[Path], name: str) -> LibraryVoice:
        """Inspect a voice and copy it into the folder of the studio.

        Args:
            files: weights of any supported family, optionally with their `config.json`, and their retrieval index or
                cluster model.
            name: name for the voice; a number is appended if the name is in use.

        Raises:
            CheckpointError: a file is a different kind of file (which the message names), or the files do not belong
                together.
            ConfigError: the files contain no voice or several voices, configurations or retrieval files, or `name`
                cannot be used as a file name.
            OSError: a file cannot be copied; partial copies are deleted.
        """
        from myna.retrieval import retrieval_file
        from myna.retrieval.speakers import read_retrieval
        from myna.zoo.opening import open_voice

        wanted = safe_name(name)
        parts = _sort(files)
        with self._new_folder() as folder:
            weights = folder / parts.stored_name
            shutil.copyfile(parts.weights, weights)
            if parts.config is not None:
                shutil.copyfile(parts.config, folder / _CONFIG)
            if parts.retrieval is not None:
                # Convert it to our format, under a name that is found beside the weights.
                config = open_voice(weights).config
                with _with_file_names(parts.retrieval):
                    retrieval_file.write(folder, read_retrieval(parts.retrieval, config), config.speakers)
            free = self._unused(wanted)
            folder.rename(self.workspace.voices / free)
        return self.find(free)

    def rename(self, name: str, new: str) -> LibraryVoice:
        """Rename an added voice.

        Raises:
            ConfigError: there is no such voice; it is bundled, from the hub or in training; or the new name is taken or
                cannot be used as a file name.
        """
        voice, wanted = self.find(name), safe_name(new)
        if voice.origin is not Origin.ADDED:
            raise ConfigError(f"{name} cannot be renamed: {_REASONS[voice.origin]}")
        if wanted == name:
            return voice
        if wanted.casefold() != name.casefold() and wanted.casefold() in self._taken():
            raise ConfigError(f"there is already a voice {wanted!r}; choose another name")
        (self.workspace.voices / name).rename(self.workspace.voices / wanted)
        return self.find(wanted)

    def notes(self, voice: LibraryVoice) -> VoiceNotes:
        """Return the user's notes about a voice."""
        if voice.origin is Origin.ADDED:
            return read_notes(self.workspace.voices / voice.name)
        return self._other_notes().get(voice.name, VoiceNotes())

    def note(self, voice: LibraryVoice, notes: VoiceNotes) -> None:
        """Store the user's notes about a voice.

        Notes about an added voice are stored beside it, notes about other voices in the folder of the studio.

        Raises:
            ConfigError: a default option is not usable, or the notes are too long.
            OSError: the file cannot be written.
        """
        notes = notes.checked()
        if voice.origin is Origin.ADDED:
            write_notes(self.workspace.voices / voice.name, notes)
            return
        found = {**self._other_notes(), voice.name: notes}
        plain = {name: one.model_dump(mode="json", exclude_defaults=True) for name, one in found.items()}
        write_text(self.workspace.folder / _OTHER_NOTES, json.dumps({name: one for name, one in plain.items() if one}))

    def defaults_of(self, weights: Path) -> dict[str, Any] | None:
        """Return the default options in the notes about the voice with these weights; None if there are none.

        Default options of added voices are not included: they are beside the weights, and are read with the voice.
        """
        notes, path = self._other_notes(), weights.resolve()
        known = {voice.name: voice for voice in self.all()} if notes else {}
        for place in (path, path.parent):  # notes about one checkpoint come before notes about the whole folder
            for name, noted in notes.items():
                voice = known.get(name) or self._checkpoint(name)
                if voice is not None and voice.path.resolve() == place and noted.defaults is not None:
                    return usable_voice_defaults(noted.defaults)
        return None

    def throw(self, name: str) -> trash.Trashed:
        """Move an added voice, or the repository of a downloaded voice in the hub's cache, to the trash.

        Raises:
            ConfigError: there is no such voice, or it cannot be deleted here.
            OSError: a file cannot be moved.
        """
        voice = self.find(name)
        self.check_deletable(voice)
        paths = cache_folders(repository(voice)) if voice.origin is Origin.HUB else [self.workspace.voices / name]
        return trash.throw(self.workspace, TRASHED, name, name, paths)

    def delete(self, name: str) -> None:
        """Delete an added voice, or the repository of a downloaded voice in the hub's cache.

        Raises:
            ConfigError: there is no such voice, or it is bundled or in training.
        """
        voice = self.find(name)
        self.check_deletable(voice)
        if voice.origin is Origin.HUB:
            forget(repository(voice))
            return
        folder = self.workspace.voices / name
        if folder.is_symlink():
            folder.unlink()
            return
        # First move the folder into a hidden one, so that the voice is not listed even if one of its files cannot be
        # removed.
        doomed = Path(tempfile.mkdtemp(dir=self.workspace.voices, prefix="."))
        folder.rename(doomed / "voice")
        shutil.rmtree(doomed)

    def check_deletable(self, voice: LibraryVoice) -> None:
        """Raise `ConfigError` if `delete` refuses to delete the voice."""
        if voice.origin not in (Origin.ADDED, Origin.HUB):
            where = f", in {voice.path}" if voice.origin in (Origin.TRAINING, Origin.FOUND) else ""
            raise ConfigError(f"{voice.name} cannot be deleted here: {_REASONS[voice.origin]}{where}")

    def _checkpoint(self, name: str | None) -> LibraryVoice | None:
        """Find a checkpoint of a voice in training by its name from `checkpoint_name`; return None if there is none."""
        match = _OF_CHECKPOINT.fullmatch(name or "")
        if match is None:
            return None
        named = (folder for folder in visible_folders(self.workspace.training) if folder.name == match["project"])
        paths = (folder / LOGS / f"G_{match['number']}.pth" for folder in named)
        return next((LibraryVoice(match[0], Origin.TRAINING, path) for path in paths if path.is_file()), None)

    @contextmanager
    def _new_folder(self) -> Iterator[Path]:
        """Create a hidden folder, and delete it after the block unless it was renamed; delete abandoned ones too."""
        for old in self.workspace.voices.glob(".*"):
            if old.is_dir() and time.time() - old.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(old, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(dir=self.workspace.voices, prefix="."))
        try:
            folder.chmod(0o755)  # like the other folders of the studio
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def new_place(self, name: str) -> Path:
        """Return the path of the file for a new packed voice, in a new folder that does not exist yet.

        Raises:
            ConfigError: `name` cannot be used as a file name.
        """
        free = self._unused(safe_name(name))
        return self.workspace.voices / free / f"{free}.safetensors"

    def _other_notes(self) -> dict[str, VoiceNotes]:
        """Return the notes about the voices that were not added, by name."""
        try:
            found = json.loads((self.workspace.folder / _OTHER_NOTES).read_text("utf-8"))
            return {str(name): VoiceNotes.model_validate(notes) for name, notes in found.items()}
        except (OSError, ValueError, AttributeError):
            return {}

    def _taken(self) -> set[str]:
        """Return the names in use, case-folded because some file systems ignore case."""
        folders = (folder.name for folder in self.workspace.voices.iterdir())
        return {name.casefold() for name in (*folders, *(voice.name for voice in self.all()))}

    def _unused(self, name: str) -> str:
        taken, free, number = self._taken(), name, 1
        while free.casefold() in taken:
            number += 1
            free = f"{name} {number}"
        return free


_REASONS = {
    Origin.BUNDLED: "it is bundled with myna",
    Origin.HUB: "its name is its address on the hub",
    Origin.TRAINING: "it is in training",
    Origin.FOUND: "it belongs to another program",
}


def bundled() -> list[LibraryVoice]:
    """List the voices bundled with the package."""
    return [LibraryVoice(folder.name, Origin.BUNDLED, folder) for folder in visible_folders(BUNDLED_VOICES)]


def from_hub() -> list[LibraryVoice]:
    """List the voices in the hub's cache."""
    return [
        LibraryVoice(str(address), Origin.HUB, path, _config_above(address, path))
        for address, path in cached_voices().items()
    ]


def in_folder(folder: Path) -> list[LibraryVoice]:
    """List the files in `folder` and in its `logs/44k` that have the names of voice weights."""
    return [
        LibraryVoice(str(path), Origin.FOUND, path) for parent in (folder, folder / LOGS) for path in _weights(parent)
    ]


def repository(voice: LibraryVoice) -> str:
    """Return the name of the repository that contains a voice from the hub."""
    address = parse_address(voice.name)
    assert address is not None
    return address.repo


class _Parts(NamedTuple):
    """Files of one voice by kind."""

    weights: Path
    stored_name: str  # file name for the stored weights, recognised as the name of a voice
    config: Path | None
    retrieval: Path | None


def _sort(files: Iterable[Path]) -> _Parts:
    """Classify files by their contents; all `.json` files count as configurations."""
    files = list(files)
    configs = [path for path in files if path.suffix.lower() == ".json"]
    retrieval_files = [path for path in files if path not in configs and _is_retrieval_file(path)]
    voices = [path for path in files if path not in (*configs, *retrieval_files)]
    for found, what in ((configs, "configurations"), (retrieval_files, "indexes or cluster models")):
        if len(found) > 1:
            raise ConfigError(f"these are several {what}: {_listed(found)}; add one voice at a time")
    if not files:
        raise ConfigError("choose the files of a voice first")
    if not voices:
        what = "an index or a cluster model" if retrieval_files else "a configuration"
        raise ConfigError(f"{(retrieval_files or configs)[0].name} is {what}; add it together with its voice")
    config = configs[0] if configs else None
    for path in voices:
        _check_usable(path, config)
    if len(voices) > 1:
        raise ConfigError(f"these are several voices: {_listed(voices)}; add one at a time")
    return _Parts(voices[0], _stored_name(voices[0]), config, retrieval_files[0] if retrieval_files else None)


def _check_usable(path: Path, config: Path | None) -> None:
    """Raise `CheckpointError` unless the file is a usable voice; the message names its kind or the problem."""
    from myna.zoo.inspection import inspect

    with _with_file_names(path, *([config] if config else [])):
        found = inspect(path, config)
    if found.n_speakers is None:
        raise CheckpointError(f"{path.name} is {found.what}, not a supported voice")
    if not found.sings:
        raise CheckpointError(f"{path.name} cannot be used: {found.suspicious[-1]}")


def _stored_name(path: Path) -> str:
    from myna.zoo.packing import SUFFIX, is_packed

    if _is_weights(path.name):
        return path.name
    return f"voice{SUFFIX if is_packed(path) else '.pth'}"


def _is_retrieval_file(path: Path) -> bool:
    from myna.retrieval import retrieval_file

    try:
        retrieval_file.read(path)
    except MynaError:
        return False
    return True


@contextmanager
def _with_file_names(*paths: Path) -> Iterator[None]:
    """Convert errors to `CheckpointError` with file names instead of paths.

    The user does not know the temporary folders of uploads.
    """
    try:
        yield
    except MynaError as error:
        text = str(error)
        for path in paths:
            text = text.replace(str(path), path.name)
        raise CheckpointError(text) from error


def _added(folder: Path) -> LibraryVoice | None:
    return LibraryVoice(folder.name, Origin.ADDED, _added_path(folder)) if _weights(folder) else None


def _added_path(folder: Path) -> Path:
    """Return the path of an added voice: its weights file if that is the only one and has no number, else its folder.

    The path of a folder means the weights with the highest number in it.
    """
    files = _weights(folder)
    return files[0] if len(files) == 1 and not _NUMBERED.fullmatch(files[0].name) else folder


def _weights(folder: Path) -> list[Path]:
    """List the files in a folder that have the names of voice weights, sorted by name."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_file() and _is_weights(path.name))


def _is_weights(name: str) -> bool:
    return not name.startswith(".") and (is_generator(name) or name.endswith(_EXPORTED))


def _listed(paths: Iterable[Path]) -> str:
    return ", ".join(path.name for path in paths)


def checkpoint_name(project: str, number: int) -> str:
    """Return the name under which `Library.find` finds one checkpoint of a voice in training.

    The list of voices does not contain checkpoints.
    """
    return f"{project} (in training, {number})"


def _in_training(folder: Path) -> LibraryVoice | None:
    weights = folder / LOGS
    if not weights.is_dir() or not any(_TRAINED.fullmatch(path.name) for path in weights.iterdir()):
        return None
    return LibraryVoice(f"{folder.name} (in training)", Origin.TRAINING, weights)


def _config_above(address: Address, path: Path) -> Path | None:
    """Find the configuration of a voice from the hub: beside the voice, or in a parent folder within its repository."""
    depth = len(PurePosixPath(address.file or path.name).parts)
    return next((parent / _CONFIG for parent in list(path.parents)[:depth] if (parent / _CONFIG).is_file()), None)
