"""Voices in training. Each one is a folder in the layout of the `svc` commands; the files determine its status."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from myna.audio.folders import find_recordings, is_recording, visible_files, visible_folders
from myna.config import Config
from myna.errors import ConfigError
from myna.layout import CLIPS, CONFIG, FILELISTS, LOGS, RECORDINGS
from myna.storage.atomic import replacing, write_text
from myna.storage.path_list import read_list
from myna.studio.runs import LAST_RUN, Outcome, Run, fingerprint, last_run
from myna.studio.workspace import Workspace, safe_name, unused
from myna.text import printable

# Folders that are not in `layout`: for recordings removed from the dataset, and for the comparison of checkpoints.
TAKEN_OUT, COMPARED = Path("taken_out"), Path("compared")

_CHECKPOINT = re.compile(r"G_0*([1-9]\d*)\.pth")  # G_0.pth holds the initial weights
_COMPARISON = "comparison.json"
_CHECKED = "recordings.json"
_LAST_PREPARATION = "last_preparation.json"
_CLOCK_SECONDS = 2.0  # allowed difference between the clocks of a drive and of this computer


class State(StrEnum):
    """Stage that a voice has reached."""

    EMPTY = "empty"
    RECORDED = "recorded"
    PREPARED = "prepared"
    TRAINED = "trained"


@dataclass(frozen=True)
class TrainingCheckpoint:
    """A checkpoint file of a voice in training."""

    number: int  # a step if the configuration sets `ckpt_name_by_step`, otherwise an epoch
    path: Path

    @property
    def bytes(self) -> int:
        """Size on disk in bytes, including the discriminators."""
        pair = (self.path, self.path.with_name(f"D_{self.path.stem[2:]}.pth"))
        return sum(path.stat().st_size for path in pair if path.is_file())


@dataclass(frozen=True)
class Compared:
    """The stored comparison of checkpoints."""

    numbers: tuple[int, ...]
    outdated: bool  # whether there is a newer checkpoint, or a compared one was deleted


@dataclass(frozen=True)
class Packed:
    """The last file packed from a project."""

    path: Path
    number: int  # number of the checkpoint
    outdated: bool  # whether there is a newer checkpoint


@dataclass(frozen=True)
class MadeAt:
    """Times of the latest outputs in seconds since the epoch; 0 without an output."""

    prepared: float
    trained: float
    compared: float
    packed: float


class RecordName(StrEnum):
    """Names of the JSON files in a project's folder that record past work on it."""

    PREPARED = "prepared.json"  # result of the last preparation
    PACKED = "packed.json"  # last packed file
    PLAN = "plan.json"  # chosen length of training


@dataclass(frozen=True)
class ProjectStatus:
    """Snapshot of the files of a voice in training."""

    recordings: tuple[Path, ...]
    n_clips: int
    n_listed: int  # number of clips in the training list
    n_features: int
    config: Config | None
    problem: str | None  # error message if the configuration cannot be read
    changed: bool  # whether recordings were added, removed or replaced after preparation
    checkpoints: tuple[TrainingCheckpoint, ...]  # oldest first
    log_bytes: int  # size of TensorBoard's event files, which grows with each entry
    new_clips: bool  # whether the clips have changed since the newest checkpoint
    compared: Compared | None
    packed: Packed | None
    last_preparation: Run | None
    last_training: Run | None
    made_at: MadeAt

    @property
    def prepared(self) -> bool:
        return self.config is not None and 0 < self.n_clips <= self.n_features and self.n_listed > 0

    @property
    def state(self) -> State:
        if self.checkpoints:
            return State.TRAINED
        if self.prepared:
            return State.PREPARED
        return State.RECORDED if self.recordings else State.EMPTY

    @property
    def unit(self) -> str:
        """Unit of the checkpoint numbers: steps or epochs."""
        return "step" if self.config is not None and self.config.train.ckpt_name_by_step else "epoch"


@dataclass(frozen=True)
class Project:
    """Folder of a voice in training. Both the studio and the `svc` commands can work in it."""

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

    def status(self) -> ProjectStatus:
        """Derive the status from file names, sizes and times, opening only the training list and the configuration."""
        recordings = self.folder / RECORDINGS
        training_list = self.folder / FILELISTS / "train.txt"
        config, problem = self._read_config()
        files = {str(path) for folder in visible_folders(self.folder / CLIPS) for path in visible_files(folder)}
        clips = {path for path in files if path.endswith(".wav")}
        found = (path for folder in visible_folders(recordings) for path in find_recordings(folder))
        checkpoints = self.checkpoints()
        packed = self._packed(checkpoints)
        return ProjectStatus(
            recordings=tuple(sorted(found)),
            n_clips=len(clips),
            n_listed=training_list.read_bytes().count(b"\n") if training_list.is_file() else 0,
            n_features=sum(f"{clip}.features.safetensors" in files for clip in clips),
            config=config,
            problem=problem,
            changed=training_list.is_file() and _changed(recordings) > training_list.stat().st_mtime_ns,
            checkpoints=checkpoints,
            new_clips=bool(checkpoints) and self._has_new_clips(clips, training_list, checkpoints[-1]),
            compared=self._compared(checkpoints),
            packed=packed,
            last_preparation=self._unless_outdated(self.last_preparation_path, training_list),
            last_training=self._unless_outdated(self.last_training_path, checkpoints[-1].path if checkpoints else None),
            made_at=MadeAt(
                prepared=_modified_ns(training_list) / 1e9,
                trained=_modified_ns(checkpoints[-1].path) / 1e9 if checkpoints else 0.0,
                compared=_modified_ns(self.comparison_path) / 1e9,
                packed=_modified_ns(packed.path) / 1e9 if packed is not None else 0.0,
            ),
            log_bytes=sum(path.stat().st_size for path in self.logs.glob("events.out.tfevents.*")),
        )

    def checkpoints(self) -> tuple[TrainingCheckpoint, ...]:
        """List all checkpoints, oldest first."""
        named = ((_CHECKPOINT.fullmatch(path.name), path) for path in self.logs.glob("G_*.pth"))
        found = (TrainingCheckpoint(int(match[1]), path) for match, path in named if match)
        return tuple(sorted(found, key=lambda one: one.number))

    def checkpoint(self, number: int | None) -> TrainingCheckpoint:
        """Find the checkpoint with this number, or the newest one if `number` is None.

        Raises:
            ConfigError: there is no such checkpoint.
        """
        known = {one.number: one for one in self.checkpoints()}
        number = max(known, default=None) if number is None else number
        if number is None or number not in known:
            raise ConfigError(f"{self.name} has no such checkpoint; it has: {', '.join(map(str, known)) or 'none'}")
        return known[number]

    @property
    def bytes(self) -> int:
        """Size of all files of the project."""
        return sum(path.lstat().st_size for path in self.folder.rglob("*") if path.is_file() and not path.is_symlink())

    @property
    def last_used(self) -> float:
        """Time of the latest change of the project, in seconds since the epoch."""
        return _touched(self) / 1e9

    def recall(self, name: RecordName) -> dict[str, Any]:
        """Return the facts stored under a name; {} if there are none."""
        try:
            found = json.loads((self.folder / name).read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def remember(self, name: RecordName, facts: Mapping[str, Any]) -> None:
        """Store JSON values under a name, in place of the previous ones."""
        write_text(self.folder / name, json.dumps(facts))

    @property
    def last_preparation_path(self) -> Path:
        """Path of the record of the last preparation; see `runs`."""
        return self.folder / _LAST_PREPARATION

    @property
    def last_training_path(self) -> Path:
        """Path of the record of the last training run; see `runs`."""
        return self.logs / LAST_RUN

    def validation_clips(self) -> list[Path]:
        return self._listed("val.txt")

    def training_clips(self) -> list[Path]:
        return self._listed("train.txt")

    @property
    def checked_path(self) -> Path:
        return self.folder / _CHECKED

    def checked(self) -> dict[str, dict[str, Any]]:
        """Return the stored check results of the recordings, by path within `dataset_raw`; {} if there are none."""
        try:
            found = json.loads(self.checked_path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def add(self, sent: Iterable[Path], within: str = "", name: str | None = None) -> tuple[list[str], list[str]]:
        """Copy recordings into the project under safe, unused names.

        Args:
            sent: files to copy.
            within: destination, a subfolder of `recordings`; preparation searches all subfolders.
            name: new name without a suffix; None keeps the name of each file.

        Returns:
            Names of the added recordings, and names of the files that are not audio.

        Raises:
            ConfigError: a name cannot be used as a file name.
            OSError: a file cannot be copied.
        """
        folder = self.recordings / within
        folder.mkdir(parents=True, exist_ok=True)
        added, refused = [], []
        for path in sent:
            if not is_recording(path):
                refused.append(path.name)
                continue
            target = unused(folder / f"{safe_name(name or path.stem)}{path.suffix.lower()}")
            with replacing(target) as temporary:
                shutil.copyfile(path, temporary)
            added.append(target.name)
        return added, refused

    def take_out(self, recording: str) -> None:
        """Move a recording out of the dataset into the folder `taken_out`.

        Args:
            recording: path within `dataset_raw`, in the spelling of `text.printable`.

        Raises:
            ConfigError: there is no such recording.
        """
        path = self.recording(recording)
        aside = self.folder / TAKEN_OUT
        aside.mkdir(exist_ok=True)
        path.replace(unused(aside / path.name))

    def recording(self, name: str) -> Path:
        """Find a recording by its path within `dataset_raw`, in the spelling of `text.printable`.

        Raises:
            ConfigError: there is no such recording.
        """
        known = {self.recording_name(path): path for path in self.status().recordings}
        if name not in known:
            raise ConfigError(f"{self.name} has no recording {name!r}")
        return known[name]

    def recording_name(self, path: Path) -> str:
        """Return the name of a recording, as accepted by `recording`."""
        return printable(path.relative_to(self.folder / RECORDINGS).as_posix())

    def unchecked(self, status: ProjectStatus) -> list[Path]:
        """Return the recordings without a check since they were last written."""
        known = self.checked()
        found = []
        for path in status.recordings:
            try:
                stat = path.stat()
            except OSError:  # the recording was just taken out
                continue
            row = known.get(path.relative_to(self.folder / RECORDINGS).as_posix(), {})
            if row.get("state") != [stat.st_size, stat.st_mtime_ns]:
                found.append(path)
        return found

    @property
    def comparison(self) -> dict[str, Any] | None:
        """The stored comparison of checkpoints; None if there is none or some of its audio is missing."""
        try:
            found: dict[str, Any] = json.loads((self.folder / COMPARED / _COMPARISON).read_text("utf-8"))
            tracks = found["comparison"]["tracks"]
        except (OSError, ValueError, LookupError, TypeError):
            return None
        return found if all(Path(track["path"]).is_file() for track in tracks) else None

    @property
    def comparison_path(self) -> Path:
        return self.folder / COMPARED / _COMPARISON

    @staticmethod
    def _unless_outdated(path: Path, output: Path | None) -> Run | None:
        """Return the record of a run; None if a later run without a record has written a newer `output`."""
        run = last_run(path)
        if run is None or run.outcome is Outcome.RUNNING or output is None:
            return run
        return run if run.at + _CLOCK_SECONDS > _modified_ns(output) / 1e9 else None

    def _has_new_clips(self, clips: set[str], training_list: Path, newest: TrainingCheckpoint) -> bool:
        """Return True if clips were cut, or the list of clips has changed, after the newest checkpoint."""
        trained_ns = _modified_ns(newest.path)
        if any(_modified_ns(Path(clip)) > trained_ns for clip in clips):
            return True
        run = last_run(self.last_training_path)
        before = run.facts.get("clips") if run is not None else None
        return before is not None and _modified_ns(training_list) > trained_ns and before != fingerprint(training_list)

    def _compared(self, checkpoints: Sequence[TrainingCheckpoint]) -> Compared | None:
        found = self.comparison
        if found is None:
            return None
        numbers = tuple(number for number in found.get("numbers", []) if isinstance(number, int))
        here = {one.number for one in checkpoints}
        newer = bool(checkpoints) and _modified_ns(checkpoints[-1].path) > _modified_ns(self.comparison_path)
        return Compared(numbers, newer or not here.issuperset(numbers))

    def _packed(self, checkpoints: Sequence[TrainingCheckpoint]) -> Packed | None:
        found = self.recall(RecordName.PACKED)
        path, number = found.get("path"), found.get("number")
        if not isinstance(path, str) or not isinstance(number, int) or not Path(path).is_file():
            return None
        newer = bool(checkpoints) and _modified_ns(checkpoints[-1].path) > _modified_ns(Path(path))
        return Packed(Path(path), number, newer)

    def _listed(self, name: str) -> list[Path]:
        try:
            listed = read_list(self.folder / FILELISTS / name)
        except OSError:
            return []
        return [path for path in (self.folder / clip for clip in listed) if path.is_file()]

    def _read_config(self) -> tuple[Config | None, str | None]:
        if not self.config.is_file():
            return None, None
        try:
            return Config.read(self.config), None
        except ConfigError as error:
            return None, str(error)


def projects(workspace: Workspace) -> list[Project]:
    """List all voices in training, sorted by name."""
    folder = workspace.training
    found = [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    return [Project(path) for path in sorted(found) if not path.name.startswith(".")]


def find(workspace: Workspace, name: str | None) -> Project:
    """Find a voice in training by name.

    Raises:
        ConfigError: there is no such voice in training.
    """
    known = {project.name: project for project in projects(workspace)}
    if name is None or name not in known:
        raise ConfigError(f"no voice {name!r} is in training; there are: {', '.join(known) or 'none'}")
    return known[name]


def create(workspace: Workspace, text: str) -> Project:
    """Create the folder of a new voice with the name `text`.

    Raises:
        ConfigError: `text` is not a valid name, or the name is taken.
    """
    name = safe_name(text)
    if name.casefold() in {project.name.casefold() for project in projects(workspace)}:
        raise ConfigError(f"a voice named {name} is already in training; choose it, or use another name")
    project = Project(workspace.training / name)
    project.recordings.mkdir(parents=True)
    return project


def latest(workspace: Workspace) -> Project | None:
    """Find the most recently changed voice in training; None if there is none."""
    return max(projects(workspace), key=_touched, default=None)


def _touched(project: Project) -> int:
    paths = (project.folder, project.recordings, project.config, project.logs)
    return max((path.stat().st_mtime_ns for path in paths if path.exists()), default=0)


def _changed(folder: Path) -> int:
    """Return the time in ns at which a file in or below `folder` was last added, removed or written; 0 for never."""
    return max((_modified_ns(path) for path in (folder, *folder.rglob("*"))), default=0)


def _modified_ns(path: Path) -> int:
    """Return the time of the last modification in ns; 0 if the file does not exist."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
