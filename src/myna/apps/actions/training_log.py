"""Reading of the curves and audio that a training logged for TensorBoard."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from myna.layout import LOGS

if TYPE_CHECKING:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from myna.evaluation.report.comparison import Comparison

_MOST_POINTS = 1000  # limit on the points of a curve; longer curves are subsampled
_logs: dict[Path, EventAccumulator] = {}  # only the log that was read last; a repeated read parses only new data


@dataclass(frozen=True)
class Curves:
    """Logged curves of a project, and the number of validation clips rendered at its last checkpoint."""

    scalars: dict[str, list[tuple[int, float]]] = field(default_factory=dict)  # (step, value) pairs by tag
    seconds_per_step: float | None = None  # measured between the last two points of the curve `epoch`
    samples: int = 0  # number of validation clips
    sample_step: int | None = None  # step of the checkpoint that rendered them


def read_curves(folder: Path) -> Curves:
    """Read the training log of a project, which either the page or `svc train` may have written."""
    log = _read_log(folder)
    tags = log.Tags()
    rendered = sorted(tag for tag in tags["audio"] if tag.endswith("/sung"))
    return Curves(
        scalars={tag: [(one.step, one.value) for one in log.Scalars(tag)] for tag in tags["scalars"]},
        seconds_per_step=_seconds_per_step(log),
        samples=len(rendered),
        sample_step=log.Audio(rendered[0])[-1].step if rendered else None,
    )


def compare_sample(folder: Path, index: int, into: Path, names: tuple[str, str]) -> Comparison:
    """Write a validation clip and its latest rendering as sound files, and return the player's data for both.

    Args:
        folder: project folder.
        index: index of the validation clip.
        into: folder for the two files.
        names: display titles of the recording and of the rendering.
    """
    from myna.evaluation.report.comparison import Track, compare
    from myna.storage.atomic import replacing

    log, tracks = _read_log(folder), []
    for kind, name in zip(("recording", "sung"), names, strict=True):
        sound = log.Audio(f"validation_{index}/{kind}")[-1]
        path = into / str(sound.step) / f"{index} {kind}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_bytes(sound.encoded_audio_string)
        tracks.append(Track(path, name))
    return compare(tracks)


def _read_log(folder: Path) -> EventAccumulator:
    """Read the log of a project; a repeated call for the same project reads only new data."""
    from tensorboard.backend.event_processing import event_accumulator

    if folder not in _logs:
        _logs.clear()
        kept = {event_accumulator.SCALARS: _MOST_POINTS, event_accumulator.AUDIO: 1, event_accumulator.IMAGES: 1}
        _logs[folder] = event_accumulator.EventAccumulator(str(folder / LOGS), kept)
    log = _logs[folder]
    if (folder / LOGS).is_dir():
        log.Reload()
    return log


def _seconds_per_step(log: EventAccumulator) -> float | None:
    if "epoch" not in log.Tags()["scalars"]:
        return None
    points = log.Scalars("epoch")[-2:]
    if len(points) < 2 or points[1].step <= points[0].step:
        return None
    seconds: float = (points[1].wall_time - points[0].wall_time) / (points[1].step - points[0].step)
    return seconds
