"""Assembly of the response models that describe a voice in training."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlencode

from myna.apps.actions.needs import TrainingNeeds, training_needs
from myna.apps.actions.training_log import Curves
from myna.apps.gui.server.context import JobView, Studio
from myna.apps.gui.server.needs import AssetView, asset_title, asset_view
from myna.apps.gui.server.projects import models
from myna.apps.gui.server.projects.activity import active_job, activities
from myna.apps.gui.server.projects.curves import (
    MAIN_CURVES,
    best_checkpoint,
    best_values,
    compared_scores,
    validation_distances,
)
from myna.apps.gui.server.projects.requests import BUNDLED, CLIP, ON_CPU, TEXTS, checkpoint_title, default_template
from myna.apps.gui.server.wording import Wording
from myna.config import Config, TemplateName, TrainConfig
from myna.errors import ConfigError
from myna.evaluation.scores import MEASURES
from myna.keys import page_keys
from myna.layout import RECORDINGS
from myna.studio.job_list import JobState
from myna.studio.project import Project, ProjectStatus, RecordName
from myna.studio.runs import Outcome
from myna.studio.schedule import LENGTHS, Length, Schedule, TimedRun, checkpoint_bytes, plan
from myna.studio.steps import Checks, Step, StepState, StepStatus, step_states
from myna.studio.voices import checkpoint_name

_AUTO_BATCH = 8  # batch size on a CPU with `batch_size: auto`
_MOST_SAMPLES = 8  # number of validation clips that are converted with each checkpoint
# Disk space for each second of recordings: clips, and the features of the clips and their augmented versions.
_PREPARED_BYTES_PER_SECOND = 1_500_000


@dataclass(frozen=True)
class Scene:
    """Snapshot of a voice in training for one visitor."""

    studio: Studio
    project: Project
    language: str
    listed: Sequence[JobView] | None = None  # the list of jobs; None reads it when needed

    @cached_property
    def say(self) -> Wording:
        return Wording(self.language, TEXTS)

    @cached_property
    def status(self) -> ProjectStatus:
        return self.project.status()

    @cached_property
    def jobs(self) -> Sequence[JobView]:
        return self.studio.all_jobs() if self.listed is None else self.listed

    @cached_property
    def curves(self) -> Curves:
        return self.studio.watch.curves(self.project, self.status)

    @cached_property
    def checked(self) -> list[tuple[Path, Mapping[str, Any] | None]]:
        """The recordings with the results of their checks; None for an unchecked recording."""
        known, folder = self.project.checked(), self.project.folder / RECORDINGS
        unchecked = set(self.project.unchecked(self.status))
        return [
            (path, known.get(path.relative_to(folder).as_posix()) if path not in unchecked else None)
            for path in self.status.recordings
        ]

    @cached_property
    def config(self) -> Config:
        """The configuration of the voice; before preparation, the template that the page proposes."""
        return self.status.config or Config.template(default_template(self.studio))

    @cached_property
    def needs(self) -> TrainingNeeds:
        return training_needs(self.config, trained=bool(self.status.checkpoints))

    def url(self, place: str, **values: Any) -> str:
        """Return the address of an audio file of the project."""
        return f"/api/v1/project/{place}?{urlencode({'name': self.project.name, **values})}"


def project_row(scene: Scene) -> models.ProjectRow:
    """Return the entry of a voice in training for the list."""
    return models.ProjectRow(
        name=scene.project.name,
        state=scene.status.state,
        steps=steps_view(scene),
        updated_at=_iso(scene.project.last_used),
        bytes=scene.project.bytes,
    )


def project_view(scene: Scene) -> models.ProjectView:
    """Return all data of the page of a voice in training; start to compute missing parts in the background."""
    status, project, studio = scene.status, scene.project, scene.studio
    scene.studio.watch.check(project, status)
    best = best_checkpoint(status, scene.curves, project.comparison)
    return models.ProjectView(
        name=project.name,
        folder=str(project.folder) if studio.local else None,
        state=status.state,
        unit="step" if status.unit == "step" else "epoch",
        steps=steps_view(scene),
        advice=advice(scene.say),
        recordings=[_recording(scene, path, row) for path, row in scene.checked],
        summary=_summary(scene),
        prepared=_prepared(scene),
        template=status.config.kind if status.config is not None else default_template(studio),
        templates=_templates(scene),
        settings=start_values(scene.config),
        schedule=_schedule(scene),
        plan=_plan(scene),
        needs=needs_view(scene),
        training=_training(scene),
        resume=_resume(scene),
        clips=_clips(scene),
        checkpoints=_checkpoints(scene, best.number if best is not None else None),
        best=_best(scene, best.number, best.measure) if best is not None else None,
        phrases=_phrases(scene),
        compared=status.compared is not None,
        packed=_packed(scene),
        problem=status.problem,
        disk_bytes=project.bytes,
    )


def advice(say: Wording) -> list[str]:
    """Return advice for a first voice: what to record, how long training takes, and how much disk space it needs."""
    run = LENGTHS[Length.HALF_HOUR]
    recordings = 10 * 60 * _PREPARED_BYTES_PER_SECOND
    megabytes = (recordings + run.checkpoints * (checkpoint_bytes(Config.template(ON_CPU)) or 0)) / 1e6
    return [say("advice_what"), say("advice_time"), say("advice_disk", megabytes=round(megabytes, -2))]


def steps_view(scene: Scene) -> models.StepsView:
    found = step_states(scene.status, activities(scene.project, scene.jobs), _checks(scene))
    views = {str(step): _step(scene, state) for step, state in found.items()}
    missing = {Step.PREPARE: scene.needs.prepare, Step.TRAIN: (*scene.needs.prepare, *scene.needs.train)}
    for step, files in missing.items():
        view = views[step]
        if files and view.state not in (StepState.RUNNING, StepState.BLOCKED):
            names = ", ".join(asset_title(one, scene.language) for one in files)
            views[step] = view.model_copy(update={"reason": scene.say("needs", names=names)})
    return models.StepsView(**views)


def _step(scene: Scene, status: StepStatus) -> models.StepView:
    reason = status.reason
    if reason is None:
        text = None
    elif reason.key == "error":
        text = str(reason.values["error"])
    else:
        text = scene.say(f"reason_{reason.key}", **reason.values)
    return models.StepView(state=status.state, reason=text, job=status.job)


def needs_view(scene: Scene) -> list[AssetView]:
    """Return the missing pretrained files for preparing and training the voice."""
    found = [*scene.needs.prepare, *scene.needs.train]
    return [asset_view(one, scene.language, "train", local=scene.studio.local) for one in found]


# --- recordings -------------------------------------------------------------------------------------------------------


def _checks(scene: Scene) -> Checks:
    rows = [row for _, row in scene.checked]
    return Checks(
        waiting=sum(row is None for row in rows),
        unusable=sum(bool(row["serious"]) for row in rows if row is not None),
        total=len(rows),
    )


def _recording(scene: Scene, path: Path, row: Mapping[str, Any] | None) -> models.RecordingView:
    file = scene.project.recording_name(path)
    state: Literal["checking", "good", "fair", "bad"] = "checking"
    problems: list[str] = []
    if row is not None:
        say = scene.say.part("problem.")
        problems = [row["error"]] if row["error"] else [say(key, **dict(numbers)) for key, numbers in row["problems"]]
        state = "bad" if row["serious"] else "fair" if problems else "good"
    readable = row is not None and not row["error"]
    return models.RecordingView(
        file=file,
        title=file.removeprefix(f"{scene.project.name}/"),
        seconds=row["seconds"] if row is not None and readable else None,
        kind=row["kind"] if row is not None else None,
        state=state,
        problems=problems,
        url=scene.url("audio", file=file),
    )


def _summary(scene: Scene) -> models.SummaryView:
    from myna.studio.dataset import Aim  # imports NumPy

    aim, say = Aim(), scene.say
    usable = [row for _, row in scene.checked if row is not None and row["clips"]]
    seconds = sum(float(row["seconds"]) for row in usable)
    clips = {kind: sum(row["clips"] for row in usable if row["kind"] == kind) for kind in ("spoken", "sung")}
    missing = []
    if scene.status.recordings and not _checks(scene).waiting:
        if seconds < aim.seconds:
            missing.append(say("missing_time", time=say.duration(max(aim.seconds - seconds, 1))))
        missing += [say(f"missing_{kind}") for kind, count in clips.items() if not count]
    pitch = scene.status.config.pitch if scene.status.config is not None else {}
    return models.SummaryView(
        seconds=seconds,
        amounts={
            "spoken": models.AmountView(title=say("amount_spoken"), amount=clips["spoken"], aim=aim.spoken_clips),
            "sung": models.AmountView(title=say("amount_sung"), amount=clips["sung"], aim=aim.sung_clips),
            "seconds": models.AmountView(title=say("amount_seconds"), amount=seconds, aim=aim.seconds),
        },
        missing=missing,
        pitch={name: (one.low_hz, one.high_hz) for name, one in pitch.items()},
    )


def _prepared(scene: Scene) -> models.PreparedView | None:
    if not scene.status.prepared:
        return None
    known = scene.project.recall(RecordName.PREPARED)
    try:
        return models.PreparedView(
            text=scene.say("prepared", **{name: known[name] for name in ("n_training", "n_validation", "minutes")}),
            training=known["n_training"],
            validation=known["n_validation"],
            left_out=known["left_out"],
            notes=known["notes"],
        )
    except (LookupError, ValueError):  # prepared in a terminal, which stores no record
        n_validation = len(scene.project.validation_clips())
        text = scene.say("prepared_clips", count=scene.status.n_listed)
        return models.PreparedView(
            text=text, training=scene.status.n_listed, validation=n_validation, left_out=[], notes=[]
        )


# --- settings ---------------------------------------------------------------------------------------------------------


def _templates(scene: Scene) -> list[models.TemplateView]:
    config, trained = scene.status.config, bool(scene.status.checkpoints)
    chosen = config.kind if config is not None else default_template(scene.studio)
    return [
        models.TemplateView(
            name=name,
            title=scene.say(f"template_{name}"),
            what=scene.say(f"about_{name}"),
            chosen=name == chosen,
            available=not trained or name == chosen,
        )
        for name in sorted(get_args(TemplateName), key=lambda name: name != ON_CPU)
    ]


def start_values(config: Config) -> dict[str, Any]:
    """Return the values of the keys of `train` that the page offers; a word, for example "auto", becomes None."""
    values = {key.attribute: getattr(config.train, key.attribute) for key in page_keys(TrainConfig).values()}
    return {name: None if isinstance(value, str) else value for name, value in values.items()}


def _plan(scene: Scene) -> models.PlanView:
    minutes = scene.project.recall(RecordName.PLAN).get("minutes", LENGTHS[Length.HALF_HOUR].minutes)
    size = _checkpoint_bytes(scene)
    choices = [
        models.PlanChoice(
            kind=kind,
            title=scene.say(f"plan_{kind}"),
            minutes=run.minutes,
            checkpoints=run.checkpoints,
            disk_bytes=size * run.checkpoints if size is not None else None,
        )
        for kind, run in LENGTHS.items()
    ]
    kind = next((one.kind for one in choices if one.minutes == minutes), None)
    count = TimedRun.of(minutes).checkpoints if isinstance(minutes, int | float) else None
    return models.PlanView(
        minutes=minutes,
        kind=kind.value if kind is not None else "custom",
        choices=choices,
        disk_bytes=size * count if size is not None and count is not None else None,
        free_bytes=shutil.disk_usage(scene.project.folder).free if scene.studio.local else None,
    )


def _checkpoint_bytes(scene: Scene) -> int | None:
    known = scene.status.checkpoints
    return known[-1].bytes if known else checkpoint_bytes(scene.config)


def _schedule(scene: Scene) -> models.ScheduleView | None:
    found = schedule_of(scene.status, scene.config, scene.curves.seconds_per_step)
    if found is None:
        return None
    return models.ScheduleView(
        clips=found.clips,
        batch_size=found.batch_size,
        steps_per_epoch=found.steps_per_epoch,
        epochs=found.epochs,
        steps=found.steps,
        checkpoints_kept=found.checkpoints_kept,
        seconds=found.seconds,
        text=_schedule_text(scene, found),
    )


def schedule_of(status: ProjectStatus, config: Config, seconds_per_step: float | None) -> Schedule | None:
    """Compute the schedule of a training run that has no time limit; None if there are no recordings.

    Until clips exist, each recording counts as one clip.
    """
    clips, train = status.n_listed or len(status.recordings), config.train
    if not clips:
        return None
    batch = train.batch_size
    return plan(
        clips,
        min(_AUTO_BATCH, clips) if batch == "auto" else batch,
        train.epochs,
        eval_interval=train.eval_interval,
        keep_ckpts=train.keep_ckpts,
        by_step=train.ckpt_name_by_step,
        accumulated=train.accumulate_grad_batches,
        bytes_per_checkpoint=status.checkpoints[-1].bytes if status.checkpoints else checkpoint_bytes(config),
        seconds_per_step=seconds_per_step,
    )


def _schedule_text(scene: Scene, found: Schedule) -> list[str]:
    say = scene.say
    values = {"each": found.steps_per_epoch, "epochs": found.epochs, "steps": found.steps}
    lines = [
        say("steps" if scene.status.n_listed else "steps_guessed", clips=found.clips, batch=found.batch_size, **values),
        say("saves", every=scene.config.train.eval_interval, kept=found.checkpoints_kept),
    ]
    if found.seconds is not None:
        lines.append(say("takes", time=say.duration(found.seconds)))
    return lines


# --- training ---------------------------------------------------------------------------------------------------------


def _training(scene: Scene) -> models.TrainingView | None:
    job = active_job(scene.project, scene.jobs, Step.TRAIN)
    if job is None:
        return None
    facts = dict(job.facts)
    time = facts.pop("time", {})
    seconds, of_seconds = float(time.get("seconds", 0.0)), time.get("of_seconds")
    waits = job.state is JobState.WAITING
    if waits:
        text = scene.say("training_waits")
    elif not time:
        text = scene.say("training_begins")
    elif of_seconds is not None:
        text = scene.say("training_of", minutes=int(seconds // 60), of_minutes=round(of_seconds / 60, 1))
    else:
        text = scene.say("training_for", minutes=int(seconds // 60))
    return models.TrainingView(
        job=job.id,
        waits=waits,
        stopping=job.state is JobState.STOPPING,
        text=text,
        seconds=seconds,
        of_seconds=of_seconds,
        fraction=job.fraction,
        seconds_left=job.seconds_left,
        facts=facts,
    )


def _resume(scene: Scene) -> str | None:
    checkpoints, run = scene.status.checkpoints, scene.status.last_training
    if not checkpoints or active_job(scene.project, scene.jobs, Step.TRAIN) is not None:
        return None
    interrupted = run is not None and run.outcome is Outcome.RUNNING
    key = f"resume_interrupted_{scene.status.unit}" if interrupted else f"resume_{scene.status.unit}"
    return scene.say(key, number=checkpoints[-1].number)


def _clips(scene: Scene) -> list[models.ClipView]:
    names = [path.stem for path in scene.project.validation_clips()[:_MOST_SAMPLES]]
    return [
        models.ClipView(index=index, title=names[index] if index < len(names) else str(index + 1), url=url)
        for index, url in ((index, scene.url("sample", clip=index)) for index in range(scene.curves.samples))
    ]


def _checkpoints(scene: Scene, best: int | None) -> list[models.CheckpointView]:
    status, curves, say = scene.status, scene.curves, scene.say
    distances = validation_distances(status, curves)
    scores = compared_scores(status, scene.project.comparison)
    found = []
    for checkpoint in reversed(status.checkpoints):
        measures = {say("validation"): f"{distances[checkpoint.number]:.3f}"} if checkpoint.number in distances else {}
        known = scores.get(checkpoint.number, {})
        measures |= {one.title: one.text(known[key]) for key, one in MEASURES.items() if key in known}
        sung = curves.step_of(checkpoint.number, status.unit) in curves.sample_steps
        found.append(
            models.CheckpointView(
                number=checkpoint.number,
                title=checkpoint_title(say, status, checkpoint.number),
                made_at=_iso(checkpoint.path.stat().st_mtime),
                bytes=checkpoint.bytes,
                best=checkpoint.number == best,
                measures=measures,
                sample_urls=[
                    scene.url("sample", clip=index, number=checkpoint.number) if sung else None
                    for index in range(curves.samples)
                ],
                voice=checkpoint_name(scene.project.name, checkpoint.number),
            )
        )
    return found


def _best(scene: Scene, number: int, measure: str | None) -> models.BestView:
    title = checkpoint_title(scene.say, scene.status, number)
    name = measure or scene.say("validation")
    text = scene.say("best_by_comparison" if measure is not None else "best_by_validation", title=title, measure=name)
    return models.BestView(number=number, measure=name, text=text)


# --- compare and pack -------------------------------------------------------------------------------------------------


def _phrases(scene: Scene) -> list[models.PhraseView]:
    clips = [
        models.PhraseView(id=f"{CLIP}{path.name}", title=scene.say("phrase_clip", name=path.stem))
        for path in scene.project.validation_clips()
    ]
    return [*clips, models.PhraseView(id=BUNDLED, title=scene.say("phrase_bundled"))]


def comparison_view(scene: Scene) -> models.ComparisonView:
    """Return the last comparison of checkpoints.

    Raises:
        ConfigError: there is none.
    """
    found, compared = scene.project.comparison, scene.status.compared
    if found is None or compared is None:
        raise ConfigError(scene.say("no_comparison"))
    tracks = [
        {
            **{key: value for key, value in track.items() if key != "path"},
            "url": scene.url("track", index=index, made=_made(track)),
        }
        for index, track in enumerate(found["comparison"]["tracks"])
    ]
    rows = [
        models.MeasureRow(title=title, values=values, best=best_values(title, values), target=target)
        for title, *values, target in found["rows"]
    ]
    return models.ComparisonView(
        comparison={**found["comparison"], "tracks": tracks},
        numbers=list(compared.numbers),
        rows=rows,
        notes=[*(f"{what}: {why}" for what, why in found["not_measured"].items()), *found["failures"]],
        outdated=compared.outdated,
    )


def track_path(scene: Scene, index: int) -> Path:
    """Return the file of a track of the last comparison.

    Raises:
        ConfigError: there is no such track.
    """
    found = scene.project.comparison
    tracks: Sequence[Mapping[str, Any]] = found["comparison"]["tracks"] if found is not None else []
    if not 0 <= index < len(tracks):
        raise ConfigError(scene.say("no_comparison"))
    return Path(tracks[index]["path"])


def _made(track: Mapping[str, Any]) -> str:
    """Return a part of a track's address that changes with each comparison, so that browsers load the new track."""
    return Path(track["path"]).parent.name


def _packed(scene: Scene) -> models.PackedView | None:
    packed = scene.status.packed
    if packed is None:
        return None
    name = packed.path.stem
    title = checkpoint_title(scene.say, scene.status, packed.number)
    return models.PackedView(name=name, number=packed.number, text=scene.say("packed", name=name, title=title))


def curves_view(scene: Scene, found: Curves) -> models.CurvesView:
    """Return the logged curves, the most informative first."""
    main = [tag for tag in MAIN_CURVES if found.scalars.get(tag)]
    others = [tag for tag, points in found.scalars.items() if tag not in (*MAIN_CURVES, "epoch") and points]
    titles = {tag: scene.say(f"curve_{tag}") for tag in main}
    return models.CurvesView(
        curves=[
            models.Curve(tag=tag, title=titles.get(tag, tag), main=tag in main, points=found.scalars[tag])
            for tag in (*main, *others)
        ],
        help=scene.say("curves_help") if main else "",
        seconds_per_step=found.seconds_per_step,
    )


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
