"""A voice in training: a folder as the commands of `svc` lay it out, and how far it is, told by its files."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args

from myna.audio.folders import find_recordings, is_recording, visible_files, visible_folders
from myna.config import Config, TemplateName
from myna.errors import ConfigError
from myna.layout import CLIPS, CONFIG, FILELISTS, LOGS, RECORDINGS
from myna.studio.workspace import Workspace, safe_name, unused

# Besides `places`: recordings that were taken out, and what checkpoints sang.
TAKEN_OUT, COMPARED = Path("taken_out"), Path("compared")
# The keys of `train` that a person sets before anything else.
SETTINGS = ("batch_size", "epochs", "log_interval", "eval_interval")

_SAVE = re.compile(r"G_0*([1-9]\d*)\.pth")  # G_0.pth is what a training starts from
_COMPARISON = "comparison.json"
_CHECKED = "recordings.json"


class State(StrEnum):
    EMPTY = "empty"
    RECORDED = "recorded"
    PREPARED = "prepared"
    TRAINED = "trained"


@dataclass(frozen=True)
class Save:
    """A checkpoint: a voice at one moment of its training."""

    number: int  # the step where the configuration says `ckpt_name_by_step`, else the epoch
    path: Path

    @property
    def bytes(self) -> int:
        """On the disk, with the judges that training goes on with."""
        pair = (self.path, self.path.with_name(f"D_{self.path.stem[2:]}.pth"))
        return sum(path.stat().st_size for path in pair if path.is_file())


@dataclass(frozen=True)
class Standing:
    """What there is of a voice at one moment."""

    recordings: tuple[Path, ...]
    n_clips: int
    n_listed: int  # clips to learn from
    n_features: int
    config: Config | None
    problem: str | None  # why the configuration cannot be read
    changed: bool  # recordings came or went since it was prepared
    saves: tuple[Save, ...]  # the oldest first
    log_bytes: int  # more of them are news

    @property
    def prepared(self) -> bool:
        return self.config is not None and 0 < self.n_clips <= self.n_features and self.n_listed > 0

    @property
    def state(self) -> State:
        if self.saves:
            return State.TRAINED
        if self.prepared:
            return State.PREPARED
        return State.RECORDED if self.recordings else State.EMPTY

    @property
    def unit(self) -> str:
        """What the numbers of saves count."""
        return "step" if self.config is not None and self.config.train.ckpt_name_by_step else "epoch"


@dataclass(frozen=True)
class Project:
    """The folder of a voice in training; `svc train` run in it goes on with what the studio began, and the reverse."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def recordings(self) -> Path:
        return self.folder / RECORDINGS / self.name

    @property
    def config(self) -> Path:
        return self.folder / CONFIG

    @property
    def logs(self) -> Path:
        return self.folder / LOGS

    def look(self) -> Standing:
        """Look at the files: names, sizes and times, and no more than the lists and the configuration are read."""
        recordings = self.folder / RECORDINGS
        training_list = self.folder / FILELISTS / "train.txt"
        config, problem = self._read_config()
        beside = {str(path) for folder in visible_folders(self.folder / CLIPS) for path in visible_files(folder)}
        clips = {path for path in beside if path.endswith(".wav")}
        found = (path for folder in visible_folders(recordings) for path in find_recordings(folder))
        return Standing(
            recordings=tuple(sorted(found)),
            n_clips=len(clips),
            n_listed=len(training_list.read_text("utf-8").split("\n")) - 1 if training_list.is_file() else 0,
            n_features=sum(f"{clip}.features.safetensors" in beside for clip in clips),
            config=config,
            problem=problem,
            changed=training_list.is_file() and _changed(recordings) > training_list.stat().st_mtime_ns,
            saves=self.saves(),
            log_bytes=sum(path.stat().st_size for path in self.logs.glob("events.out.tfevents.*")),
        )

    def saves(self) -> tuple[Save, ...]:
        """The checkpoints, the oldest first."""
        named = ((_SAVE.fullmatch(path.name), path) for path in self.logs.glob("G_*.pth"))
        return tuple(sorted((Save(int(match[1]), path) for match, path in named if match), key=lambda one: one.number))

    def save(self, number: int | None) -> Save:
        """The checkpoint of that number; the newest where none is given.

        Raises:
            ConfigError: it is not there.
        """
        saves = {one.number: one for one in self.saves()}
        number = max(saves, default=None) if number is None else number
        if number is None or number not in saves:
            raise ConfigError(f"{self.name} has no such checkpoint; it has: {', '.join(map(str, saves)) or 'none'}")
        return saves[number]

    def validation_clips(self) -> list[Path]:
        """The clips that it is judged by."""
        return self._listed("val.txt")

    def training_clips(self) -> list[Path]:
        return self._listed("train.txt")

    @property
    def checked_path(self) -> Path:
        return self.folder / _CHECKED

    def checked(self) -> dict[str, dict[str, Any]]:
        """What is known of recordings that were listened to, by their path within `dataset_raw`."""
        try:
            found = json.loads(self.checked_path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def add(self, sent: Iterable[Path], within: str = "", name: str | None = None) -> tuple[list[str], list[str]]:
        """Copy recordings in, under names that are safe and unused; returns their names, and those that are no sound.

        Args:
            within: a folder of the recordings; the preparation looks into all of them.
            name: what they are called, where it is not as they are.

        Raises:
            OSError: they cannot be copied.
        """
        folder = self.recordings / within
        folder.mkdir(parents=True, exist_ok=True)
        added, refused = [], []
        for path in sent:
            if not is_recording(path):
                refused.append(path.name)
                continue
            place = unused(folder / f"{safe_name(name or path.stem)}{path.suffix.lower()}")
            half = place.with_name(f".{place.name}.part")  # nobody takes it for a recording
            try:
                shutil.copyfile(path, half)
                half.replace(place)
            finally:
                half.unlink(missing_ok=True)
            added.append(place.name)
        return added, refused

    def take_out(self, recording: str) -> None:
        """Move a recording to where it is not learned from; nothing is deleted.

        Args:
            recording: its path within `dataset_raw`.

        Raises:
            ConfigError: there is none.
        """
        known = {path.relative_to(self.folder / RECORDINGS).as_posix(): path for path in self.look().recordings}
        if recording not in known:
            raise ConfigError(f"{self.name} has no recording {recording!r}")
        aside = self.folder / TAKEN_OUT
        aside.mkdir(exist_ok=True)
        known[recording].replace(unused(aside / known[recording].name))

    @property
    def comparison(self) -> dict[str, Any] | None:
        """What checkpoints sang last, as it was kept; None where nothing was, or it is gone."""
        try:
            found: dict[str, Any] = json.loads((self.folder / COMPARED / _COMPARISON).read_text("utf-8"))
            tracks = found["comparison"]["tracks"]
        except (OSError, ValueError, LookupError, TypeError):
            return None
        return found if all(Path(track["path"]).is_file() for track in tracks) else None

    @property
    def comparison_path(self) -> Path:
        return self.folder / COMPARED / _COMPARISON

    def _listed(self, name: str) -> list[Path]:
        try:
            lines = (self.folder / FILELISTS / name).read_text("utf-8").splitlines()
        except OSError:
            return []
        return [path for path in (self.folder / line for line in lines if line) if path.is_file()]

    def _read_config(self) -> tuple[Config | None, str | None]:
        if not self.config.is_file():
            return None, None
        try:
            return Config.read(self.config), None
        except ConfigError as error:
            return None, str(error)


def projects(workspace: Workspace) -> list[Project]:
    """The voices in training, by name."""
    folder = workspace.training
    found = [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    return [Project(path) for path in sorted(found) if not path.name.startswith(".")]


def find(workspace: Workspace, name: str | None) -> Project:
    """The voice of that name.

    Raises:
        ConfigError: there is none.
    """
    known = {project.name: project for project in projects(workspace)}
    if name is None or name not in known:
        raise ConfigError(f"no voice {name!r} is in training; there are: {', '.join(known) or 'none'}")
    return known[name]


def create(workspace: Workspace, text: str) -> Project:
    """Begin a voice that somebody calls `text`.

    Raises:
        ConfigError: that is no name, or one has it.
    """
    name = safe_name(text)
    if name.casefold() in {project.name.casefold() for project in projects(workspace)}:
        raise ConfigError(f"a voice called {name} is in training already; choose it, or give this one another name")
    project = Project(workspace.training / name)
    project.recordings.mkdir(parents=True)
    return project


def latest(workspace: Workspace) -> Project | None:
    """The one that was worked on last."""
    return max(projects(workspace), key=_touched, default=None)


def template_of(config: Config) -> TemplateName | None:
    """The template that a configuration came from; None where its network is none of theirs."""
    for name in get_args(TemplateName):
        if _network(Config.template(name)) == _network(config):
            found: TemplateName = name
            return found
    return None


def _network(config: Config) -> dict[str, Any]:
    return {key: value for key, value in config.plain()["model"].items() if key != "n_speakers"}


def _touched(project: Project) -> int:
    places = (project.folder, project.recordings, project.config, project.logs)
    return max((place.stat().st_mtime_ns for place in places if place.exists()), default=0)


def _changed(folder: Path) -> int:
    """When a file last came into a folder or left it."""
    return max((path.stat().st_mtime_ns for path in (folder, *folder.rglob("*")) if path.is_dir()), default=0)
