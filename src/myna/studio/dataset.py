"""Checks of all recordings of a speaker, and the amount of audio still missing for training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np

from myna.audio.folders import find_recordings
from myna.audio.io import blocks, info
from myna.config import PitchRange
from myna.errors import AudioError
from myna.progress import Progress, silent
from myna.studio.take_report import Kind, TakeReport
from myna.studio.takes import PitchHistogram, Samples, TakeMeter

# The source of `Aim` recommends clips of "about 10 s each". Therefore, a one-minute recording counts as six clips,
# although preparation cuts at the quietest moments and may make a different number of clips.
CLIP_SECONDS = 10.0


@dataclass(frozen=True)
class Aim:
    """Recommended amount of recordings of a speaker (C. Velasquez, "AI Singing Voice Cloning in Python", 2024)."""

    spoken_clips: int = 150
    sung_clips: int = 50
    seconds: float = 300.0


@dataclass(frozen=True)
class Missing:
    """Amounts still to be recorded; 0 where there is enough."""

    spoken_clips: int
    sung_clips: int
    seconds: float

    @property
    def nothing(self) -> bool:
        return not (self.spoken_clips or self.sung_clips or self.seconds)


@dataclass(frozen=True)
class CheckedRecording:
    """Recording file with its report, or with an error message if it cannot be read."""

    path: Path
    report: TakeReport | None
    error: str | None = None

    @property
    def usable(self) -> bool:
        """True if the recording contains enough sound to train on."""
        return self.report is not None and not (self.report.has("silent") or self.report.has("too_short"))

    @property
    def clips(self) -> int:
        return ceil(self.report.seconds / CLIP_SECONDS) if self.report is not None and self.usable else 0


@dataclass(frozen=True)
class DatasetReport:
    """Reports on all recordings of a speaker."""

    recordings: tuple[CheckedRecording, ...]
    pitch: PitchRange | None  # over the voiced frames of all recordings

    @property
    def failed(self) -> tuple[CheckedRecording, ...]:
        """Recordings that cannot be read."""
        return tuple(one for one in self.recordings if one.error is not None)

    @property
    def with_problems(self) -> tuple[CheckedRecording, ...]:
        """Recordings with a serious problem, which should be recorded again."""
        return tuple(one for one in self.recordings if one.report is not None and not one.report.good)

    def clips(self, kind: Kind | None = None) -> int:
        return sum(one.clips for one in self._usable(kind))

    def seconds(self, kind: Kind | None = None) -> float:
        return sum(one.report.seconds for one in self._usable(kind) if one.report is not None)

    def missing(self, aim: Aim | None = None) -> Missing:
        """Compute the amounts still to be recorded for `aim`, by default `Aim()`."""
        aim = aim or Aim()
        return Missing(
            spoken_clips=max(0, aim.spoken_clips - self.clips("spoken")),
            sung_clips=max(0, aim.sung_clips - self.clips("sung")),
            seconds=max(0.0, aim.seconds - self.seconds()),
        )

    def _usable(self, kind: Kind | None) -> Iterator[CheckedRecording]:
        for one in self.recordings:
            if one.usable and one.report is not None and kind in (None, one.report.kind):
                yield one


def report_on(
    recordings: Path | Iterable[Path],
    *,
    kind_of: Callable[[Path], Kind | None] | None = None,
    progress: Progress = silent,
) -> DatasetReport:
    """Check recordings; the report also lists unreadable recordings.

    Args:
        recordings: a folder, which is searched recursively, or the files themselves.
        kind_of: function that returns the kind of a file, spoken or sung, or None to classify the file by its sound.
            Without this function, all files are classified by their sound, which is correct for 712 of the 715 test
            recordings.
        progress: progress display, counted in files.
    """
    paths = find_recordings(recordings) if isinstance(recordings, Path) else list(recordings)
    found = []
    pitches = PitchHistogram()
    for path in progress(paths, title="checking", total=len(paths), unit="recordings"):
        try:
            meter = _measure_file(path)
        except AudioError as error:
            found.append(CheckedRecording(path, None, str(error)))
            continue
        found.append(CheckedRecording(path, meter.report(kind_of(path) if kind_of else None)))
        pitches += meter.pitches
    return DatasetReport(tuple(found), pitches.range())


def _measure_file(path: Path) -> TakeMeter:
    meter = TakeMeter(info(path).sample_rate)
    pending: Samples | None = None
    for block in blocks(path, meter.sample_rate, meter.block_samples, strict=True):
        # A last block that is too short to separate noise from voice is joined to the block before it.
        if pending is not None and len(block) < meter.block_samples // 4:
            pending = np.concatenate([pending, block])
            continue
        if pending is not None:
            meter.add(pending)
        pending = block
    if pending is not None:
        meter.add(pending)
    return meter
