"""Make a voice of recordings: prepare, train, see how it goes, compare its checkpoints, pack."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import chdir, suppress
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, get_args

from myna.apps.device import choose_device
from myna.apps.gui.jobs import Report
from myna.audio import io
from myna.config import Config
from myna.conversion.converter import Converter
from myna.errors import ConfigError, MynaError
from myna.evaluation.evaluate import Evaluation, evaluate
from myna.evaluation.pairing import Pair
from myna.evaluation.report.comparison import Track, compare
from myna.evaluation.scores import MEASURES
from myna.layout import CLIPS, CONFIG, FILELISTS, LOGS, RECORDINGS
from myna.options import ConversionOptions, EvaluateOptions, TrainOptions
from myna.retrieval.speakers import find_retrieval, read_retrieval
from myna.storage.atomic import replacing
from myna.studio import takes
from myna.studio.dataset import CheckedRecording, report_on
from myna.studio.project import Project, template_of
from myna.studio.takes import Kind, TakeReport
from myna.training.prepare.configuration import write_config
from myna.training.prepare.features import compute_features
from myna.training.prepare.recordings import remove_orphans, resample_recordings
from myna.training.train import Plan, StepReport, TrainSummary
from myna.training.train import train as train_voice
from myna.zoo.opening import open_voice

if TYPE_CHECKING:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

_CHECK_SECONDS = 3.0  # that recordings are listened to, before others have a turn
_TOLD_SECONDS = 0.5  # between two messages of what the losses are
_MOST_POINTS = 1000  # of a curve that are kept; of more, some in between are forgotten
_MOST_TARGETS = 40  # recordings tell whose voice it is; a training set may have thousands
_logs: dict[Path, EventAccumulator] = {}  # the log that was looked at last, which only grows


def device(report: Report) -> str:
    """What would train here, as PyTorch names it."""
    return choose_device("auto")[0]


def check(report: Report, *, folder: Path) -> int:
    """Listen to recordings that were not listened to, a few seconds long; what is known is kept in the folder.

    Returns:
        How many are still to be listened to.
    """
    project = Project(folder)
    known = project.checked()
    rows: dict[str, Any] = {}
    left, until = 0, time.monotonic() + _CHECK_SECONDS
    for path in project.status().recordings:
        name, stat = path.relative_to(folder / RECORDINGS).as_posix(), path.stat()
        state = [stat.st_size, stat.st_mtime_ns]
        if known.get(name, {}).get("state") != state:
            if time.monotonic() > until:
                left += 1
                continue
            (found,) = report_on([path], kind_of=_kind_of).recordings
            known[name] = {"state": state, **_plain(found)}
        rows[name] = known[name]
    with replacing(project.checked_path) as temporary:
        temporary.write_text(json.dumps(rows), encoding="utf-8")
    return left


def _kind_of(path: Path) -> Kind | None:
    """What it was recorded as here; otherwise it is heard."""
    kinds: tuple[Kind, ...] = get_args(Kind)
    return next((kind for kind in kinds if path.parent.name == kind), None)


def _plain(found: CheckedRecording) -> dict[str, Any]:
    report = found.report
    if report is None:
        return {"error": found.error, "problems": [], "serious": True, "clips": 0, "seconds": 0.0, "kind": None}
    return {
        "error": None,
        "problems": [[problem.key, dict(problem.numbers)] for problem in report.problems],
        "serious": not report.good,
        "clips": found.clips,
        "seconds": report.seconds,
        "kind": report.kind,
    }


def check_take(report: Report, *, path: Path, kind: Kind) -> TakeReport:
    """What is wrong with a take that was just recorded."""
    audio, sample_rate = io.read(path)
    return takes.check_take(audio, sample_rate, kind)


def prepare(report: Report, *, folder: Path, template: str | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What `svc pre-resample`, `svc pre-config` and `svc pre-hubert` do, one after the other.

    Args:
        folder: of the voice.
        template: None keeps the one that it has.
        settings: keys of `train`.

    Returns:
        How much there is, and under "left_out" and "notes" lines for a person.

    Raises:
        MynaError: there is nothing to learn from, or it is not what it was when checkpoints were made.
    """
    with chdir(folder), TemporaryDirectory() as temporary:
        wanted = _wanted(template, settings, any(Project(folder).checkpoints()))
        base = Path(temporary) / "template.json"
        wanted.write(base)
        gone = remove_orphans(CLIPS)
        clips = resample_recordings(RECORDINGS, CLIPS, progress=report)
        written = write_config(CLIPS, FILELISTS, CONFIG, template=str(base))
        name, reason = choose_device("auto")
        report.note(f"device: {name} ({reason})")
        features = compute_features(CLIPS, CONFIG, device=name, progress=report)
    failed = (*written.failed, *features.failed)
    if failed:
        raise ConfigError(f"{len(failed)} clips cannot be used, take their recordings out: {'; '.join(failed)}")
    return {
        "n_recordings": clips.n_recordings,
        "n_training": written.n_training,
        "n_validation": written.n_validation,
        "minutes": features.seconds / 60,
        "left_out": [*clips.failed, *clips.ignored, *written.ignored],
        "notes": [
            *written.notes,
            *features.unvoiced,
            *(f"{path} is not there any more; its clips are removed" for path in gone),
        ],
        "pitch": {speaker: (pitch.low_hz, pitch.high_hz) for speaker, pitch in features.pitch.items()},
    }


def _wanted(template: str | None, settings: Mapping[str, Any], trained: bool) -> Config:
    there = Config.read(CONFIG) if CONFIG.is_file() and (template is None or trained) else None
    if there is not None and template is not None and template_of(there) != template:
        raise ConfigError(f"this voice was trained as {template_of(there)}: for {template} begin another voice")
    base = there or Config.template(template or "")
    return base.with_values(train=dict(settings))


def train(report: Report, *, folder: Path, settings: Mapping[str, Any], options: TrainOptions) -> dict[str, Any]:
    """What `svc train` does in `folder`, with other `settings`, keys of `train`.

    Returns:
        `TrainSummary` as a dict.
    """
    with chdir(folder):
        before = Config.read(CONFIG)
        config = before.with_values(train=dict(settings))
        if config != before:
            config.write(CONFIG)
        name, reason = choose_device("auto")
        summary = train_voice(config, LOGS, replace(options, device=name), _Told(report, f"{name} ({reason})"))
    return {**asdict(summary), "path": None if summary.path is None else str(folder / summary.path)}


class _Told:
    """The `Listener` that tells the page."""

    def __init__(self, report: Report, device: str) -> None:
        self._report = report
        self._device = device

    def began(self, plan: Plan) -> None:
        self._plan, self._started, self._told = plan, time.perf_counter(), 0.0
        self._report.fact("plan", {**asdict(plan), "device": f"{self._device}, {plan.precision}"})

    def stepped(self, report: StepReport) -> None:
        now, plan = time.perf_counter(), self._plan
        done, total, seconds = report.step - plan.first_step, plan.last_step - plan.first_step, now - self._started
        minutes = plan.max_minutes
        if minutes is not None and seconds * total / done > 60 * minutes:  # the time ends it, not the last step
            self._report.at("training", round(seconds), round(60 * minutes), seconds)
        else:
            self._report.at("training", done, total, seconds)
        if now - self._told > _TOLD_SECONDS or report.step == plan.last_step:
            self._told = now
            losses = {name: float(value) for name, value in report.losses.items()}
            self._report.fact("step", {"step": report.step, "epoch": report.epoch, "losses": losses})

    def noted(self, text: str) -> None:
        self._report.note(text)

    def ended(self, summary: TrainSummary) -> None: ...


def curves(report: Report, *, folder: Path) -> dict[str, Any]:
    """What the trainings in `folder` logged, wherever they were started.

    Returns:
        "scalars", points of step and value by name; "seconds_per_step" of the last two; and of the sounds that it
        sang "samples", how many, and "sample_step".
    """
    log = _read_log(folder)
    tags = log.Tags()
    scalars = {tag: [(one.step, one.value) for one in log.Scalars(tag)] for tag in tags["scalars"]}
    sung = sorted(tag for tag in tags["audio"] if tag.endswith("/sung"))
    return {
        "scalars": scalars,
        "seconds_per_step": _seconds_per_step(log),
        "samples": len(sung),
        "sample_step": log.Audio(sung[0])[-1].step if sung else None,
    }


def sample(report: Report, *, folder: Path, index: int, into: Path, names: tuple[str, str]) -> dict[str, Any]:
    """A validation clip as it was recorded, and as it was sung last, for the player.

    Args:
        index: which of them.
        into: a folder for the two sounds.
        names: of the recording and of what was sung.
    """
    log, tracks = _read_log(folder), []
    for kind, name in zip(("recording", "sung"), names, strict=True):
        sound = log.Audio(f"validation_{index}/{kind}")[-1]
        path = into / str(sound.step) / f"{index} {kind}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_bytes(sound.encoded_audio_string)
        tracks.append(Track(path, name))
    return dict(compare(tracks))


def _read_log(folder: Path) -> EventAccumulator:
    """What was logged so far; only what is new is read."""
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


def compare_saves(
    report: Report,
    *,
    folder: Path,
    numbers: Sequence[int],
    phrase: Path,
    names: Sequence[str],
    measure: EvaluateOptions | None,
) -> dict[str, Any]:
    """Sing a phrase by several checkpoints, and measure them as `svc evaluate` does.

    Args:
        numbers: of the checkpoints.
        names: of the phrase, and of each checkpoint.
        measure: None only sings.

    Returns:
        "comparison" for the player; "rows" of a table, a title, a value a checkpoint, and what the recordings of the
        voice have; "not_measured", what is not and why; "failures". It is kept in the folder, too.
    """
    project = Project(folder)
    place = project.comparison_path.parent
    new = place / str(time.time_ns())  # no browser shows what an earlier one of that name was
    new.mkdir(parents=True)
    name, _ = choose_device("auto")
    try:
        source = new / f"source{phrase.suffix.lower()}"
        shutil.copyfile(phrase, source)
        tracks = [Track(source, names[0])]
        for number, title in zip(numbers, names[1:], strict=True):
            sung = new / f"{number}.wav"
            converter = Converter.load(project.checkpoint(number).path, device=name)
            summary = converter.convert_file(source, sung, ConversionOptions(auto_transpose=True), report)
            tracks.append(Track(sung, title, summary.transpose))
        found: dict[str, Any] = {"comparison": compare(tracks, new, report), "rows": [], "saves": list(names[1:])}
        if measure is not None:
            pairs = [Pair(track.path, source) for track in tracks[1:]]
            clips = project.training_clips()
            targets = clips[:: -(-len(clips) // _MOST_TARGETS)] if clips else []
            evaluation = evaluate(pairs, targets, project.validation_clips(), measure, report)
            found |= {
                "rows": _table(evaluation),
                "not_measured": evaluation.not_measured,
                "failures": list(evaluation.failures),
            }
    except BaseException:  # also where it was cancelled
        shutil.rmtree(new, ignore_errors=True)
        raise
    with replacing(project.comparison_path) as temporary:
        temporary.write_text(json.dumps(found), encoding="utf-8")
    for old in place.iterdir():
        if old.is_dir() and old != new:
            shutil.rmtree(old, ignore_errors=True)
    return found


def _table(evaluation: Evaluation) -> list[list[str]]:
    """A row a measure: its title, its value for each conversion, and for the recordings of the voice."""
    bounds = evaluation.summary
    return [
        [
            measure.title,
            *(measure.text(file.scores.get(key)) for file in evaluation.files),
            measure.text(bounds[key].target),
        ]
        for key, measure in MEASURES.items()
        if key in bounds
    ]


def pack(
    report: Report, *, folder: Path, number: int | None, into: Path, half: bool, release: bool, words: dict[str, str]
) -> str:
    """What `svc pack` does with a checkpoint, the newest where none is named; the new file."""
    opened = open_voice(Project(folder).checkpoint(number).path)
    found = find_retrieval(opened.path)
    try:
        timbre = read_retrieval(found, opened.config) if found is not None else None
    except MynaError as error:
        raise ConfigError(f"{error}; take it out of {folder / LOGS}") from error
    into.parent.mkdir(parents=True, exist_ok=True)
    try:
        opened.pack(into, half=half, release=release, retrieval=timbre, **words)
    except BaseException:
        with suppress(OSError):  # there is something else in it
            into.parent.rmdir()
        raise
    return str(into)
