"""Preparation of a voice for training: clips, configuration and features in its project folder."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import chdir
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from myna.errors import ConfigError
from myna.layout import CLIPS, CONFIG, FILELISTS, LOGS, RECORDINGS
from myna.progress import Progress, silent
from myna.storage.lock import locked

if TYPE_CHECKING:
    from myna.apps.actions.device import Device
    from myna.config import Config


@dataclass(frozen=True)
class Prepared:
    """Outcome of a preparation."""

    n_recordings: int
    n_training: int  # number of training clips
    n_validation: int  # number of validation clips
    minutes: float  # total duration of the clips
    left_out: list[str]  # one line per unused file, with the reason why it is not used
    notes: list[str]  # remarks, one line each
    pitch: dict[str, tuple[float, float]]  # lowest and highest pitch of each speaker, in Hz


def prepare(
    project: Path, template: str | None, settings: Mapping[str, Any], device: Device, progress: Progress = silent
) -> Prepared:
    """Run `svc pre-resample`, `svc pre-config` and `svc pre-hubert` in a project folder.

    During the call, the folder is the working directory, because the paths in a configuration are relative to it.

    Args:
        template: name of a configuration template. None keeps the existing configuration, or takes the default template
            if there is none.
        settings: values for keys of the configuration's section `train`.

    Raises:
        AudioError: there are no recordings.
        BusyError: another process works on the project.
        ConfigError: some clips cannot be used, or the voice has checkpoints that were trained with another template.
    """
    from myna.studio.project import Project, RecordName
    from myna.studio.runs import recorded

    found = Project(project)
    trained = any(found.checkpoints())
    with locked(project), recorded(found.last_preparation_path):
        prepared = _prepare(project, template, settings, trained, device, progress)
        found.remember(RecordName.PREPARED, asdict(prepared))
    return prepared


def _prepare(
    project: Path,
    template: str | None,
    settings: Mapping[str, Any],
    trained: bool,
    device: Device,
    progress: Progress,
) -> Prepared:
    from myna.training.prepare.configuration import write_config
    from myna.training.prepare.features import compute_features
    from myna.training.prepare.recordings import remove_orphans, resample_recordings

    with chdir(project):
        wanted = _wanted(template, settings, trained)
        gone = remove_orphans(CLIPS)
        clips = resample_recordings(RECORDINGS, CLIPS, progress=progress)
        written = write_config(CLIPS, FILELISTS, CONFIG, template=wanted, trained_in=LOGS)
        features = compute_features(CLIPS, CONFIG, device=device.name, progress=progress)
    failed = (*written.failed, *features.failed)
    if failed:
        raise ConfigError(f"{len(failed)} clips cannot be used; remove their recordings: {'; '.join(failed)}")
    return Prepared(
        n_recordings=clips.n_recordings,
        n_training=written.n_training,
        n_validation=written.n_validation,
        minutes=features.seconds / 60,
        left_out=[*clips.failed, *clips.ignored, *written.ignored],
        notes=[
            *written.notes,
            *features.unvoiced,
            *(f"{path} no longer exists; its clips are removed" for path in gone),
        ],
        pitch={speaker: (pitch.low_hz, pitch.high_hz) for speaker, pitch in features.pitch.items()},
    )


def _wanted(template: str | None, settings: Mapping[str, Any], trained: bool) -> Config:
    from myna.config import DEFAULT_TEMPLATE, Config

    own = Config.read(CONFIG) if CONFIG.is_file() and (template is None or trained) else None
    if own is not None and template is not None and own.kind != template:
        raise ConfigError(f"this voice was trained as {own.kind}; for {template}, create another voice")
    base = own or Config.template(template or DEFAULT_TEMPLATE)
    return base.with_values(train=dict(settings))
