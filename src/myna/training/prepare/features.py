"""Computation of the features of all clips and of each speaker's pitch range."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from myna.audio.bandwidth import highest_frequency
from myna.audio.io import read
from myna.config import Config, PitchRange
from myna.errors import AudioError, ConfigError, MynaError, explain
from myna.features.content import CONTENT_ENCODERS
from myna.features.contour import pitch_range
from myna.features.extractor import FeatureExtractor, Features
from myna.options import F0Method, FeatureOptions
from myna.progress import Progress, silent
from myna.storage.atomic import remove_left_overs
from myna.storage.lock import locked
from myna.training.features_file import (
    ClipFeatures,
    VersionFeatures,
    features_path,
    fingerprint,
    read_f0,
    read_fingerprint,
    write_features,
)
from myna.training.prepare.augmentation import versions
from myna.training.prepare.clips import find_clips
from myna.training.prepare.pool import count_jobs, map_unordered, n_cores
from myna.training.prepare.refused import list_refused

# Minimum number of clips per process. Loading the content encoder in a process takes as long as computing the features
# of a dozen clips.
_CLIPS_PER_JOB = 16
# Clips are short, so threads mostly wait for each other: on two busy cores, 20 clips took 5 s of processor time with
# one thread and 24 s with two. Therefore each core gets its own process. The number is limited because a process needs
# 0.5 to 1 GB of memory.
_MAX_CPU_JOBS = 8


@dataclass(frozen=True)
class FeaturesSummary:
    """Facts about the features of a data set; the tuples contain lines of text."""

    n_clips: int  # clips with features
    n_kept: int  # clips whose features were already up to date
    seconds: float
    pitch: dict[str, PitchRange]
    unvoiced: tuple[str, ...]  # clips without a voiced frame
    ignored: tuple[str, ...]  # files and folders that are not clips
    failed: tuple[str, ...]  # clips whose features could not be computed
    refused: Path | None  # file that lists `failed` and `ignored`


def compute_features(
    input_dir: Path,
    config_path: Path,
    options: FeatureOptions | None = None,
    *,
    n_jobs: int | None = None,
    device: str = "cpu",
    progress: Progress = silent,
) -> FeaturesSummary:
    """Write the features of each clip in `input_dir` beside the clip, and the pitch ranges to the configuration.

    Features that are up to date are kept, so that interrupted work can be continued.

    Args:
        n_jobs: number of processes, each with its own encoder. None means one process on a GPU, and on a CPU at most
            one per core, one per 16 clips, and eight in total.

    Raises:
        AudioError: there are no clips. (An unusable clip is only reported in the summary.)
        BusyError: another process uses the clips.
        ConfigError: the configuration does not fit the clips, or is inconsistent.
        MynaError: the content encoder or the f0 estimator is not available.
    """
    with locked(input_dir):
        return _compute_features(input_dir, config_path, options or FeatureOptions(), n_jobs, device, progress)


def _compute_features(
    input_dir: Path, config_path: Path, options: FeatureOptions, n_jobs: int | None, device: str, progress: Progress
) -> FeaturesSummary:
    config = Config.read(config_path)
    _check(config, config_path)
    found = find_clips(input_dir)
    unknown = sorted({clip.speaker for clip in found.clips} - config.speakers.keys())
    if unknown:
        raise ConfigError(f"{config_path} lacks the speakers {', '.join(unknown)}; run svc pre-config again")

    to_do = [
        clip.path
        for clip in progress(found.clips, title="comparing", unit="clips")
        if options.force_rebuild or not _is_fresh(clip.path, config, options.f0_method)
    ]
    n_jobs = _choose_jobs(n_jobs, len(to_do), device)
    compute = partial(
        _compute_clip,
        config_text=json.dumps(config.plain()),
        f0_method=options.f0_method,
        device=device,
        n_threads=max(n_cores() // n_jobs, 1) if n_jobs > 1 else None,
    )
    failed = {}
    with closing(map_unordered(compute, to_do, n_jobs)) as outcomes:
        for outcome in progress(outcomes, title="features", total=len(to_do), unit="clips"):
            if outcome.error is not None:
                failed[outcome.clip] = outcome.error
    _extractor.cache_clear()
    for folder in {clip.path.parent for clip in found.clips}:
        remove_left_overs(folder)

    done = [clip for clip in found.clips if clip.path not in failed]
    f0 = {clip: read_f0(features_path(clip.path)).numpy() for clip in done}
    contours = {speaker: [f0[clip] for clip in done if clip.speaker == speaker] for speaker in config.speakers}
    pitch = {speaker: pitch_range(np.concatenate(own)) for speaker, own in contours.items() if own}
    known_pitch = {speaker: measured for speaker, measured in pitch.items() if measured is not None}
    _write_pitch(config_path, known_pitch)
    all_failed = (*found.failed, *sorted(failed.values()))
    return FeaturesSummary(
        n_clips=len(done),
        n_kept=len(found.clips) - len(to_do),
        seconds=sum(clip.seconds for clip in done),
        pitch=known_pitch,
        unvoiced=tuple(
            f"{clip.path} has no voiced frame; check that it contains a voice" for clip in done if not f0[clip].any()
        ),
        ignored=found.ignored,
        failed=all_failed,
        refused=list_refused(input_dir, "pre-hubert", all_failed, found.ignored),
    )


def _check(config: Config, config_path: Path) -> None:
    """Check that the content encoder fits the network, so that an error is raised before training.

    Raises:
        ConfigError: the encoder is unknown, or its number of channels does not fit the network.
    """
    encoder, channels = config.content_encoder, config.model.content_channels
    if encoder not in CONTENT_ENCODERS:
        raise ConfigError(f"{config_path}: no content encoder {encoder!r}; there are: {', '.join(CONTENT_ENCODERS)}")
    needed = CONTENT_ENCODERS[encoder].channels
    if needed != channels:
        raise ConfigError(
            f"{config_path}: model.ssl_dim is {channels}, but {encoder} has {needed} channels; "
            f"svc pre-config --content-encoder {encoder} sets it"
        )


def _is_fresh(clip: Path, config: Config, f0_method: F0Method) -> bool:
    made_from = read_fingerprint(features_path(clip))
    return made_from is not None and made_from == fingerprint(clip, config, f0_method)


def _choose_jobs(n_jobs: int | None, n_clips: int, device: str) -> int:
    if n_jobs is not None:
        return min(count_jobs(n_jobs), max(n_clips, 1))
    if torch.device(device).type != "cpu":
        return 1
    return max(min(n_cores(), n_clips // _CLIPS_PER_JOB, _MAX_CPU_JOBS), 1)


class _ClipOutcome(NamedTuple):
    clip: Path
    error: str | None


def _compute_clip(
    clip: Path, config_text: str, f0_method: F0Method, device: str, n_threads: int | None
) -> _ClipOutcome:
    if n_threads is not None:
        torch.set_num_threads(n_threads)
    extractor = _extractor(config_text, f0_method, device)
    try:
        made_from = fingerprint(clip, extractor.config, f0_method)
        sample_rate = extractor.config.data.sample_rate
        audio = read(clip, sample_rate, strict=True)[0]
        features = extractor(audio)
        augmented = tuple(_version_features(audio, features, extractor))
        numbers = (features.content, features.f0, features.loudness, *(one for pair in augmented for one in pair))
        if not all(torch.isfinite(one).all() for one in numbers):
            raise AudioError(f"the features of {clip} contain NaN or infinity")
        clip_features = ClipFeatures(features, highest_frequency(audio, sample_rate), augmented)
        write_features(features_path(clip), clip_features, made_from)
        return _ClipOutcome(clip, None)
    except AudioError as error:
        reason = str(error)
    except MynaError:
        raise  # all other clips would fail too
    except Exception as error:
        line = explain(error)
        if line is None:
            raise
        too_long = f"{clip} is too long for the memory of {device}; cut it with svc pre-resample -mc 15"
        reason = line if isinstance(error, OSError) else too_long
    # Delete features of an earlier version of the clip, so that nobody uses them for the current one.
    features_path(clip).unlink(missing_ok=True)
    return _ClipOutcome(clip, reason)


def _version_features(
    audio: NDArray[np.float32], features: Features, extractor: FeatureExtractor
) -> Iterator[VersionFeatures]:
    data = extractor.config.data
    if not data.content_versions:
        return
    for version in versions(audio, data.sample_rate, features, data.hop_length, data.content_versions):
        content = extractor.content(version.audio, version.sample_rate, features.n_frames)
        # float16 halves the file size, and is exact enough for the content of noisy audio.
        yield VersionFeatures(content.half(), torch.from_numpy(version.loudness))


@lru_cache(maxsize=1)
def _extractor(config_text: str, f0_method: F0Method, device: str) -> FeatureExtractor:
    return FeatureExtractor(Config.parse(json.loads(config_text)), f0_method, device)


def _write_pitch(config_path: Path, pitch: dict[str, PitchRange]) -> None:
    """Write pitch ranges into the configuration; speakers without clips keep their pitch ranges.

    First, the file is read again, because a person may have edited it in the meantime.
    """
    config = Config.read(config_path)
    plain = config.plain()
    known = {speaker: one for speaker, one in plain.get("pitch", {}).items() if speaker in config.speakers}
    plain["pitch"] = known | {speaker: measured.model_dump() for speaker, measured in pitch.items()}
    Config.parse(plain).write(config_path)
