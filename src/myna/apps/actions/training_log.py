"""Reader of the curves and the audio in the TensorBoard log of a training run."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from myna.errors import ConfigError
from myna.layout import LOGS

if TYPE_CHECKING:
    from myna.evaluation.report.comparison import Comparison

_MOST_POINTS = 1000  # limit on the points of a curve; longer curves are subsampled
_LENGTH = struct.Struct("<Q")
# A record is: length, checksum of the length, data, checksum of the data.
_HEADER_BYTES, _FOOTER_BYTES = 12, 4
_MOST_BYTES = 1 << 30  # limit on the length of a record; a greater length means a damaged file
_VALIDATION, _SUNG, _RECORDING = "validation_", "/sung", "/recording"
_NUMBER = "checkpoint"  # tag of the curve whose values are the numbers of checkpoints
_EPOCH = "epoch"


@dataclass(frozen=True)
class Curves:
    """Logged curves of a project, and the validation clips rendered at its checkpoints."""

    scalars: dict[str, list[tuple[int, float]]] = field(default_factory=dict)  # (step, value) pairs by tag
    seconds_per_step: float | None = None  # from the last two points of the curve `epoch`
    samples: int = 0  # number of validation clips
    sample_step: int | None = None  # latest step at which the validation clips were rendered
    sample_steps: tuple[int, ...] = ()  # all steps at which the validation clips were rendered
    steps: dict[int, int] = field(default_factory=dict)  # step of each validated checkpoint, by the checkpoint's number

    def step_of(self, number: int, unit: str) -> int | None:
        """Return the step at which a checkpoint was validated; None if it was not validated.

        Args:
            number: number of the checkpoint.
            unit: unit of the number, "step" or "epoch".
        """
        if number in self.steps:
            return self.steps[number]
        if unit == "step":
            return number if number in self.sample_steps else None
        # Older logs lack the curve of checkpoint numbers; find the epoch's last rendered step instead.
        epochs = dict(self.scalars.get(_EPOCH, ()))
        return max((step for step in self.sample_steps if epochs.get(step) == number), default=None)


def read_curves(folder: Path) -> Curves:
    """Read the training log of a project, written by the page or by `svc train`."""
    log = _read_log(folder)
    rendered = {tag: sounds for tag, sounds in log.sounds.items() if tag.endswith(_SUNG) and sounds}
    steps = tuple(sorted({step for sounds in rendered.values() for step in sounds}))
    return Curves(
        scalars={tag: _thin(sorted((step, one.value) for step, one in points.items())) for tag, points in log.points()},
        seconds_per_step=_seconds_per_step(log),
        samples=len(rendered),
        sample_step=steps[-1] if steps else None,
        sample_steps=steps,
        steps={round(one.value): step for step, one in sorted(log.scalars.get(_NUMBER, {}).items())},
    )


def read_sample(folder: Path, index: int, step: int | None) -> bytes:
    """Return a validation clip, rendered at a step or as recorded, as the bytes of a WAV file.

    Args:
        folder: project folder.
        index: index of the validation clip.
        step: step of the rendering; None for the recording.

    Raises:
        ConfigError: the log has no such audio.
    """
    sounds = _read_log(folder).sounds.get(f"{_VALIDATION}{index}{_RECORDING if step is None else _SUNG}", {})
    at = max(sounds, default=-1) if step is None else step
    if at not in sounds:
        raise ConfigError(f"the log of {folder.name} has no such sample")
    return _sound(sounds[at], f"{_VALIDATION}{index}")


def compare_sample(folder: Path, index: int, into: Path, names: tuple[str, str]) -> Comparison:
    """Write a validation clip and its latest rendering as audio files, and return the player's data for both.

    Args:
        folder: project folder.
        index: index of the validation clip.
        into: folder for the two files.
        names: display titles of the recording and of the rendering.
    """
    from myna.evaluation.report.comparison import Track, compare
    from myna.storage.atomic import replacing

    step = max(_read_log(folder).sounds.get(f"{_VALIDATION}{index}{_SUNG}", {}), default=-1)
    tracks = []
    for kind, name, at in (("recording", names[0], None), ("sung", names[1], step)):
        path = into / str(step) / f"{index} {kind}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        sound = read_sample(folder, index, at)
        with replacing(path) as temporary:
            temporary.write_bytes(sound)
        tracks.append(Track(path, name))
    return compare(tracks)


class _Scalar(NamedTuple):
    value: float
    wall_time: float


class _Place(NamedTuple):
    """Position of a record in an event file."""

    path: Path
    offset: int  # of the record's data, in bytes
    n_bytes: int


@dataclass
class _Log:
    """Contents of a log. Audio is not loaded from the files, because a long run logs gigabytes of it."""

    scalars: dict[str, dict[int, _Scalar]] = field(default_factory=dict)  # by tag and step
    sounds: dict[str, dict[int, _Place]] = field(default_factory=dict)
    read: dict[Path, int] = field(default_factory=dict)  # number of bytes already read, by file

    def points(self) -> Iterator[tuple[str, dict[int, _Scalar]]]:
        return ((tag, points) for tag, points in self.scalars.items() if tag != _NUMBER)

    def add(self, path: Path) -> None:
        """Read the events that were appended to a file since it was last read."""
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        for place, data in _records(path, self.read.get(path, 0)):
            event = Event.FromString(data)
            if event.HasField("session_log") and event.session_log.status == SessionLog.START:
                self._forget_from(event.step)
            for value in event.summary.value:
                if value.HasField("audio"):
                    self.sounds.setdefault(value.tag, {})[event.step] = place
                elif value.HasField("simple_value"):
                    scalar = _Scalar(value.simple_value, event.wall_time)
                    self.scalars.setdefault(value.tag, {})[event.step] = scalar
            self.read[path] = place.offset + place.n_bytes + _FOOTER_BYTES

    def _forget_from(self, step: int) -> None:
        """Discard the entries from `step` on: an interrupted run logged them, and was then resumed at `step`."""
        every: list[dict[int, Any]] = [*self.scalars.values(), *self.sounds.values()]
        for logged in every:
            for late in [one for one in logged if one >= step]:
                del logged[late]


_logs: dict[Path, _Log] = {}  # at most one log, the last one read, so that a repeated read parses only new data


def _read_log(folder: Path) -> _Log:
    """Read the log of a project; a repeated call for the same project parses only new data."""
    paths = sorted((folder / LOGS).glob("events.out.tfevents.*"))
    if folder not in _logs or not set(paths).issuperset(_logs[folder].read):
        _logs.clear()
        _logs[folder] = _Log()
    log = _logs[folder]
    for path in paths:  # file names begin with the time, so resumed runs come later
        log.add(path)
    return log


def _records(path: Path, offset: int) -> Iterator[tuple[_Place, bytes]]:
    """Yield the complete records of an event file from `offset` on, with their positions."""
    with path.open("rb") as file:
        file.seek(offset)
        while len(header := file.read(_HEADER_BYTES)) == _HEADER_BYTES:
            n_bytes = _LENGTH.unpack_from(header)[0]
            if n_bytes > _MOST_BYTES:
                return
            place = _Place(path, file.tell(), n_bytes)
            data = file.read(n_bytes)
            if len(data) < n_bytes or len(file.read(_FOOTER_BYTES)) < _FOOTER_BYTES:
                return  # the record is still being written
            yield place, data


def _sound(place: _Place, tag: str) -> bytes:
    from tensorboard.compat.proto.event_pb2 import Event

    with place.path.open("rb") as file:
        file.seek(place.offset)
        event = Event.FromString(file.read(place.n_bytes))
    return next(bytes(value.audio.encoded_audio_string) for value in event.summary.value if value.tag.startswith(tag))


def _thin(points: list[tuple[int, Any]]) -> list[tuple[int, Any]]:
    """Return at most `_MOST_POINTS` points, evenly spaced, with the first and the last."""
    n = len(points)
    if n <= _MOST_POINTS:
        return points
    return [points[round(index * (n - 1) / (_MOST_POINTS - 1))] for index in range(_MOST_POINTS)]


def _seconds_per_step(log: _Log) -> float | None:
    points = sorted(log.scalars.get(_EPOCH, {}).items())[-2:]
    if len(points) < 2:
        return None
    (first, begun), (last, ended) = points
    return (ended.wall_time - begun.wall_time) / (last - first)
