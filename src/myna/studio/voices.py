"""The voices on this machine: those that come along, were added, fetched from the hub, or are being trained here.

Names first: to list them no file is opened. What must look into files, `Library.add`, loads PyTorch when it is called.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from myna.assets import BUNDLED_VOICES
from myna.assets.hub import Address, cached_voices, forget, is_generator, parse_address
from myna.errors import CheckpointError, ConfigError, MynaError
from myna.layout import LOGS
from myna.retrieval import retrieval_file
from myna.studio.workspace import Workspace, safe_name

_NUMBERED = re.compile(r"G_\d+\.pth")
_TRAINED = re.compile(r"G_0*[1-9]\d*\.pth")  # G_0.pth is what a training starts from
_CONFIG = "config.json"
_EXPORTED = ".onnx"
_FORGOTTEN_SECONDS = 24 * 3600  # after which a half copied voice is nobody's any more


class Origin(StrEnum):
    BUNDLED = "bundled"
    ADDED = "added"
    HUB = "hub"
    TRAINING = "training"
    FOUND = "found"  # in a folder that somebody named


@dataclass(frozen=True)
class LibraryVoice:
    """A voice by name; that its files are what they should be is not known before it is opened."""

    name: str
    origin: Origin
    path: Path  # a file of weights, or the folder that holds it
    config: Path | None = None  # where it does not lie beside the weights

    @property
    def model(self) -> str:
        """What `-m` of the command line calls it."""
        return self.name if self.origin in (Origin.BUNDLED, Origin.HUB) else str(self.path)


@dataclass(frozen=True)
class Library:
    """The voices that a studio offers."""

    workspace: Workspace

    def all(self) -> list[LibraryVoice]:
        """All of them, one of a name: the user's own first."""
        found: dict[str, LibraryVoice] = {}
        for voice in (*self.own(), *bundled(), *from_hub()):
            found.setdefault(voice.name, voice)
        return list(found.values())

    def own(self) -> list[LibraryVoice]:
        """Those in the folder of the studio."""
        added = (_added(folder) for folder in _subfolders(self.workspace.voices))
        trained = (_in_training(folder) for folder in _subfolders(self.workspace.training))
        return [voice for voice in (*added, *trained) if voice is not None]

    def find(self, name: str | None) -> LibraryVoice:
        """The voice of that name.

        Raises:
            ConfigError: there is none.
        """
        known = {voice.name: voice for voice in self.all()}
        if name not in known:
            raise ConfigError(f"no voice {name!r} here; there are: {', '.join(known) or 'none'}")
        return known[name]

    def add(self, files: Sequence[Path], name: str) -> LibraryVoice:
        """Copy a voice into the folder of the studio, after a look at what it is.

        Args:
            files: its weights of any kind that sings, and, where it has them, its `config.json` and its index or
                cluster model.
            name: what it is called; where that is taken, it gets a number.

        Raises:
            CheckpointError: a file is none of these, and the line says what it is.
            ConfigError: there is no voice among them, or several; or they do not fit each other.
            OSError: they cannot be copied; nothing of them is left.
        """
        from myna.retrieval import retrieval_file
        from myna.retrieval.speakers import read_retrieval
        from myna.zoo.opening import open_voice

        wanted = safe_name(name)
        parts = _sort(files)
        with self._new_folder() as folder:
            weights = folder / parts.kept_as
            shutil.copyfile(parts.weights, weights)
            if parts.config is not None:
                shutil.copyfile(parts.config, folder / _CONFIG)
            if parts.timbre is not None:
                # Under the name by which the voice finds it, whatever tool made it.
                config = open_voice(weights).config
                with _by_name(parts.timbre):
                    retrieval_file.write(folder, read_retrieval(parts.timbre, config), config.speakers)
            free = self._unused(wanted)
            folder.rename(self.workspace.voices / free)
        return self.find(free)

    def rename(self, name: str, new: str) -> LibraryVoice:
        """Call an added voice otherwise.

        Raises:
            ConfigError: it has its name from elsewhere, or another voice has the new one.
        """
        voice, wanted = self.find(name), safe_name(new)
        if voice.origin is not Origin.ADDED:
            raise ConfigError(f"{name} cannot be renamed: {_REASONS[voice.origin]}")
        if wanted == name:
            return voice
        if wanted.casefold() != name.casefold() and wanted.casefold() in self._taken():
            raise ConfigError(f"there is a voice {wanted!r} already; choose another name")
        (self.workspace.voices / name).rename(self.workspace.voices / wanted)
        return self.find(wanted)

    def delete(self, name: str) -> None:
        """Remove an added voice, or the repository of a fetched one from the hub's cache.

        Raises:
            ConfigError: it comes along, or is being trained.
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
        # Gone from the list at once, also where a file of it cannot be removed.
        doomed = Path(tempfile.mkdtemp(dir=self.workspace.voices, prefix="."))
        folder.rename(doomed / "voice")
        shutil.rmtree(doomed)

    def check_deletable(self, voice: LibraryVoice) -> None:
        """Raise `ConfigError` where `delete` would."""
        if voice.origin not in (Origin.ADDED, Origin.HUB):
            where = f", in {voice.path}" if voice.origin is Origin.TRAINING else ""
            raise ConfigError(f"{voice.name} is not deleted here: {_REASONS[voice.origin]}{where}")

    @contextmanager
    def _new_folder(self) -> Iterator[Path]:
        """A folder that no list shows until it is renamed, and that is gone where it was not."""
        for old in self.workspace.voices.glob(".*"):
            if old.is_dir() and time.time() - old.stat().st_mtime > _FORGOTTEN_SECONDS:
                shutil.rmtree(old, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(dir=self.workspace.voices, prefix="."))
        try:
            folder.chmod(0o755)  # as any other folder of the studio
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _taken(self) -> set[str]:
        """Names that are no longer free; some file systems take small and capital letters for the same."""
        folders = (folder.name for folder in self.workspace.voices.iterdir())
        return {name.casefold() for name in (*folders, *(voice.name for voice in self.all()))}

    def _unused(self, name: str) -> str:
        taken, free, number = self._taken(), name, 1
        while free.casefold() in taken:
            number += 1
            free = f"{name} {number}"
        return free


_REASONS = {
    Origin.BUNDLED: "it comes along with myna",
    Origin.HUB: "its name is its address on the hub",
    Origin.TRAINING: "it is what its training has come to so far",
}


def bundled() -> list[LibraryVoice]:
    """The voices that come along."""
    return [LibraryVoice(folder.name, Origin.BUNDLED, folder) for folder in _subfolders(BUNDLED_VOICES)]


def from_hub() -> list[LibraryVoice]:
    """The voices in the hub's cache."""
    return [
        LibraryVoice(str(address), Origin.HUB, path, _config_above(address, path))
        for address, path in cached_voices().items()
    ]


def in_folder(folder: Path) -> list[LibraryVoice]:
    """Files in `folder`, and in the folder of a training in it, that may be voices."""
    return [
        LibraryVoice(str(path), Origin.FOUND, path) for place in (folder, folder / LOGS) for path in _weights(place)
    ]


def repository(voice: LibraryVoice) -> str:
    """The repository of a voice of the hub."""
    address = parse_address(voice.name)
    assert address is not None
    return address.repo


class _Parts(NamedTuple):
    """The files of a voice by what they are."""

    weights: Path
    kept_as: str  # a name by which the weights are found
    config: Path | None
    timbre: Path | None


def _sort(files: Iterable[Path]) -> _Parts:
    """What each of the files is, told from what it holds; all that is called `.json` is taken for a configuration."""
    files = list(files)
    configs = [path for path in files if path.suffix.lower() == ".json"]
    timbres = [path for path in files if path not in configs and _is_timbre(path)]
    voices = [path for path in files if path not in (*configs, *timbres)]
    for found, what in ((configs, "configurations"), (timbres, "indexes or cluster models")):
        if len(found) > 1:
            raise ConfigError(f"these are several {what}: {_listed(found)}; add one voice at a time")
    if not files:
        raise ConfigError("choose the files of a voice first")
    if not voices:
        what = "a configuration" if not timbres else "an index or a cluster model"
        raise ConfigError(f"{(timbres or configs)[0].name} is {what}; add it together with its voice")
    config = configs[0] if configs else None
    for path in voices:
        _check_sings(path, config)
    if len(voices) > 1:
        raise ConfigError(f"these are several voices: {_listed(voices)}; add one at a time")
    return _Parts(voices[0], _kept_as(voices[0]), config, timbres[0] if timbres else None)


def _check_sings(path: Path, config: Path | None) -> None:
    """Raise `CheckpointError`, which says what the file is, where it does not sing."""
    from myna.zoo.inspection import inspect

    with _by_name(path, *([config] if config else [])):
        found = inspect(path, config)
    if found.n_speakers is None:
        raise CheckpointError(f"{path.name} is {found.what}, not a voice that sings here")
    if not found.sings:
        raise CheckpointError(f"{path.name} does not sing: {found.suspicious[-1]}")


def _kept_as(path: Path) -> str:
    from myna.zoo.packing import SUFFIX, is_packed

    if _is_weights(path.name):
        return path.name
    return f"voice{SUFFIX if is_packed(path) else '.pth'}"


def _is_timbre(path: Path) -> bool:

    try:
        retrieval_file.read(path)
    except MynaError:
        return False
    return True


@contextmanager
def _by_name(*paths: Path) -> Iterator[None]:
    """Errors name the files as whoever chose them knows them, and not the places where uploads lie."""
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
    """What sings of a folder: its one file, or the newest of those with numbers, which its own name stands for."""
    files = _weights(folder)
    return files[0] if len(files) == 1 and not _NUMBERED.fullmatch(files[0].name) else folder


def _weights(folder: Path) -> list[Path]:
    """The files of a folder that, by their names, may be voices."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_file() and _is_weights(path.name))


def _is_weights(name: str) -> bool:
    return not name.startswith(".") and (is_generator(name) or name.endswith(_EXPORTED))


def _listed(paths: Iterable[Path]) -> str:
    return ", ".join(path.name for path in paths)


def _in_training(folder: Path) -> LibraryVoice | None:
    weights = folder / LOGS
    if not weights.is_dir() or not any(_TRAINED.fullmatch(path.name) for path in weights.iterdir()):
        return None
    return LibraryVoice(f"{folder.name} (in training)", Origin.TRAINING, weights)


def _config_above(address: Address, path: Path) -> Path | None:
    """The configuration of a voice in a repository: beside it, or in the nearest folder above it."""
    depth = len(PurePosixPath(address.file or path.name).parts)
    return next((place / _CONFIG for place in list(path.parents)[:depth] if (place / _CONFIG).is_file()), None)


def _subfolders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
