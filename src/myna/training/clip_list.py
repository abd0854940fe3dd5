"""List of the clips used in training, with the speaker and the length of each clip."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from myna.audio import io
from myna.audio.folders import speaker_name
from myna.audio.resample import resampled_length
from myna.config import Config
from myna.errors import ConfigError
from myna.storage.lock import locked
from myna.storage.path_list import read_list
from myna.training.features_file import features_path

_SHOWN_CLIPS = 3


@dataclass(frozen=True)
class Clip:
    """A recording, or a part of one, prepared for training."""

    path: Path
    speaker: int  # index of the speaker
    n_frames: int


def list_clips(filelist: Path | str, config: Config) -> list[Clip]:
    """Read a list of clips, a text file with one path per line.

    Raises:
        ConfigError: the file cannot be read; a clip, its features or its speaker is missing; or a clip is too short.
        AudioError: a clip cannot be read.
    """
    filelist = Path(filelist)
    try:
        paths = read_list(filelist)
    except OSError as error:
        raise ConfigError(f"cannot read {filelist}: {error}; svc pre-config writes it") from error
    _refuse([path for path in paths if not path.is_file()], f"in {filelist} do not exist", "pre-config")
    _refuse([path for path in paths if not features_path(path).is_file()], "have no features", "pre-hubert")
    clips = [Clip(path, _speaker(path, config), _count_frames(path, config)) for path in paths]
    _refuse([clip.path for clip in clips if clip.n_frames == 0], "are shorter than a frame", "pre-resample")
    return clips


@contextmanager
def locked_clips(clips: Iterable[Clip], config: Config) -> Iterator[None]:
    """Prevent other processes from changing the clips and their features; they may still read them.

    Raises:
        BusyError: another process is preparing the clips.
    """
    with ExitStack() as stack:
        for folder in sorted({_speaker_folder(clip.path, config).parent for clip in clips}):
            stack.enter_context(locked(folder, shared=True))
        yield


def _speaker(path: Path, config: Config) -> int:
    """Return the speaker index of a clip."""
    name = speaker_name(_speaker_folder(path, config))
    speaker = config.speakers[name]
    if speaker >= config.model.n_speakers:
        raise ConfigError(
            f"speaker {name} has index {speaker}, but model.n_speakers is {config.model.n_speakers}; run svc "
            "pre-config again"
        )
    return speaker


def _speaker_folder(path: Path, config: Config) -> Path:
    """Return the nearest folder above a clip that has the name of a speaker; the clip belongs to that speaker."""
    for folder in path.parents:
        if speaker_name(folder) in config.speakers:
            return folder
    known = ", ".join(config.speakers) or "none"
    raise ConfigError(f"{path} is not in the folder of a speaker (this voice has: {known}); run svc pre-config again")


def _count_frames(path: Path, config: Config) -> int:
    header, data = io.info(path), config.data
    return resampled_length(header.n_samples, header.sample_rate, data.sample_rate) // data.hop_length


def _refuse(paths: list[Path], what: str, command: str) -> None:
    if paths:
        names = ", ".join(map(str, paths[:_SHOWN_CLIPS])) + (" …" if len(paths) > _SHOWN_CLIPS else "")
        raise ConfigError(f"{len(paths)} clips {what}: {names}; run svc {command} again")
