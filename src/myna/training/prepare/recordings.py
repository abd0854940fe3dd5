"""Cutting of prepared recordings into trimmed, peak-normalised mono clips of limited length with one sample rate."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from glob import escape
from itertools import count, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from myna.audio.folders import find_recordings, is_recording, visible_folders
from myna.audio.io import Writer
from myna.audio.preparation import prepared
from myna.audio.slicing import Levels, measure_levels, quiet_cuts, windows
from myna.errors import AudioError, explain
from myna.options import ResampleOptions
from myna.progress import Progress, silent
from myna.storage.atomic import remove_left_overs, write_text
from myna.storage.lock import locked
from myna.storage.path_list import can_be_listed
from myna.training.prepare.clips import MIN_CLIP_SECONDS
from myna.training.prepare.pool import count_jobs, map_unordered
from myna.training.prepare.refused import list_refused
from myna.units import db_to_amplitude, db_to_power

# A 16-bit recording with a lower peak uses only the lowest five bits, so it contains only room noise.
_SILENT_PEAK = db_to_amplitude(-60.0)
# About two minutes of audio; for less, starting another process takes longer than it saves.
_BYTES_PER_JOB = 20_000_000
_RECORDS = ".recordings.jsonl"
_LINE_BREAK = re.compile(r"[\r\n]+")


@dataclass(frozen=True)
class ResampleSummary:
    """Facts about the clips of a data set; the tuples contain lines of text."""

    n_speakers: int
    n_recordings: int  # recordings with clips
    n_kept: int  # recordings whose clips were already up to date
    n_clips: int
    seconds: float
    ignored: tuple[str, ...]  # files that are not recordings
    orphaned: tuple[str, ...]  # deleted recordings whose clips still exist
    failed: tuple[str, ...]  # recordings that cannot be used
    refused: Path | None  # file that lists `failed` and `ignored`


def resample_recordings(
    input_dir: Path,
    output_dir: Path,
    options: ResampleOptions | None = None,
    *,
    n_jobs: int = -1,
    progress: Progress = silent,
) -> ResampleSummary:
    """Cut the recordings `input_dir/<speaker>/**/*.*` into the clips `output_dir/<speaker>/*.wav`.

    Clips are kept if their recording and the options have not changed, so that interrupted work can be continued. Only
    files from this function are replaced or removed.

    Args:
        n_jobs: number of processes; -1 means one per core.

    Raises:
        AudioError: there are no recordings. (An unusable recording is only reported in the summary.)
        BusyError: another process uses the clips.
    """
    n_jobs = count_jobs(n_jobs)
    found, ignored, failed = _find_recordings(input_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    with locked(output_dir):
        return _resample_recordings(found, ignored, failed, output_dir, options or ResampleOptions(), n_jobs, progress)


def _resample_recordings(
    found: dict[str, list[Path]],
    ignored: list[str],
    failed: list[str],
    output_dir: Path,
    options: ResampleOptions,
    n_jobs: int,
    progress: Progress,
) -> ResampleSummary:
    folders = {speaker: _SpeakerFolder(output_dir / speaker) for speaker in found}
    to_do = []
    n_kept = 0
    for speaker, sources in found.items():
        recordings = folders[speaker].name_clips(sources)
        stale = [one for one in recordings if not folders[speaker].is_fresh(one, options)]
        folders[speaker].begin(stale, options)
        n_kept += len(recordings) - len(stale)
        to_do += stale

    n_jobs = min(n_jobs, sum(one.source.stat().st_size for one in to_do) // _BYTES_PER_JOB + 1, len(to_do) or 1)
    with closing(map_unordered(partial(_cut_recording, options=options), to_do, n_jobs)) as outcomes:
        for outcome in progress(outcomes, title="resampling", total=len(to_do), unit="recordings"):
            if outcome.error is None:
                folders[outcome.recording.speaker].finish(outcome, options)
            else:
                failed.append(outcome.error)

    orphaned = []
    done: list[_Record] = []
    for speaker, sources in found.items():
        folder = folders[speaker]
        folder.compact()
        here = {source.as_posix() for source in sources}
        done += [record for source, record in folder.records.items() if source in here and record.complete]
        orphaned += [
            f"{source} was deleted, but its clips still exist: {folder.path / record.name}*.wav"
            for source, record in folder.records.items()
            if record.clips and not Path(source).exists()
        ]
    return ResampleSummary(
        n_speakers=sum(any(record.speaker == speaker for record in done) for speaker in found),
        n_recordings=len(done),
        n_kept=n_kept,
        n_clips=sum(len(record.clips) for record in done),
        seconds=sum(record.seconds for record in done),
        ignored=tuple(ignored),
        orphaned=tuple(orphaned),
        failed=tuple(sorted(failed)),
        refused=list_refused(output_dir, "pre-resample", sorted(failed), ignored),
    )


def remove_orphans(output_dir: Path) -> list[str]:
    """Remove the clips in `output_dir` whose recordings were deleted, and return the paths of these recordings.

    Raises:
        BusyError: another process uses the clips.
    """
    removed = []
    with locked(output_dir):
        for path in visible_folders(output_dir):
            folder = _SpeakerFolder(path)
            for source in [source for source in folder.records if not Path(source).exists()]:
                folder.remove(source)
                removed.append(source)
            if folder.path.joinpath(_RECORDS).is_file():
                folder.compact()
    return removed


def _find_recordings(input_dir: Path) -> tuple[dict[str, list[Path]], list[str], list[str]]:
    """Return the sorted recordings of each speaker, a line for each ignored file or folder, and a line for each error.

    Raises:
        AudioError: there are no recordings, or `input_dir` has an obsolete layout.
    """
    layout = f"put recordings into {input_dir / 'NAME' / 'any.wav'}, one folder for each speaker"
    found: dict[str, list[Path]] = {}
    ignored: list[str] = []
    failed: list[str] = []
    for folder in visible_folders(input_dir):
        if not can_be_listed(folder):
            failed.append(f"{folder} has a line break in its name, so lists of clips cannot contain it; rename it")
            continue
        found[folder.name] = find_recordings(folder)
        others = {path for path in folder.rglob("*") if path.is_file()}.difference(found[folder.name])
        ignored += [f"{path} is not audio" for path in sorted(others)]
        if not found[folder.name]:
            ignored.append(f"{folder} contains no recordings")
            del found[folder.name]
    beside = sorted(path for path in input_dir.iterdir() if path.is_file()) if input_dir.is_dir() else []
    ignored += [f"{path} lies beside the speakers' folders" for path in beside]
    if not found:
        if failed:
            raise AudioError(failed[0])
        if any(map(is_recording, beside)):
            raise AudioError(f"the recordings lie directly in {input_dir}; {layout}")
        reason = f" ({ignored[0]})" if ignored else ""
        raise AudioError(f"there are no recordings in {input_dir}{reason}; {layout}")
    old_layout = input_dir / "44k"
    if list(found) == ["44k"] and not any(path.parent == old_layout for path in found["44k"]):
        raise AudioError(f"{old_layout} is an old layout; move its speakers' folders up into {input_dir}")
    return found, ignored, failed


class _Recording(NamedTuple):
    """A recording, the folder for its clips, and their base name.

    A single clip has the name `name.wav`; several clips have the names `name_000.wav`, `name_001.wav` and so on.
    """

    source: Path
    folder: Path
    name: str

    @property
    def speaker(self) -> str:
        return self.folder.name


class _CutOutcome(NamedTuple):
    recording: _Recording
    clips: list[str]
    seconds: float
    error: str | None


@dataclass(frozen=True)
class _Record:
    """One line of a speaker's records file: a recording, its clips, and the options for cutting them.

    `complete` is False while the clips are being written; during this time, `clips` lists the clips of earlier runs.
    """

    source: str
    speaker: str
    name: str
    made_from: dict[str, Any]
    clips: list[str]
    seconds: float
    complete: bool


class _SpeakerFolder:
    """The clips of one speaker, and the records of their recordings.

    While clips are cut, the records file only gets new lines at its end, so that a killed run loses at most one line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records = {record.source: record for record in _read_records(path / _RECORDS)}

    def name_clips(self, sources: Sequence[Path]) -> list[_Recording]:
        """Assign each source a unique base name for its clips; sources with a name keep it."""
        names = {source: record.name for source, record in self.records.items()}
        used = {_file_system_key(name) for name in names.values()}
        numbered = {_without_number(name) for name in used}
        # First handle names with a number (take_001), because a recording "take" may have clips with the same names.
        for source in sorted(sources, key=lambda path: (_without_number(path.stem) == path.stem, path)):
            if source.as_posix() in names:
                continue
            for number in count():
                stem = _LINE_BREAK.sub(" ", source.stem)  # lists of clips have one clip per line
                name = f"{stem}_{number}" if number else stem
                key = _file_system_key(name)
                if not {key, _without_number(key)} & used and key not in numbered:
                    break
            used.add(key)
            numbered.add(_without_number(key))
            names[source.as_posix()] = name
        return [_Recording(source, self.path, names[source.as_posix()]) for source in sources]

    def is_fresh(self, recording: _Recording, options: ResampleOptions) -> bool:
        record = self.records.get(recording.source.as_posix())
        return (
            record is not None
            and record.complete
            and record.made_from == _made_from(recording.source, options)
            and all((self.path / clip).is_file() for clip in record.clips)
        )

    def begin(self, recordings: Iterable[_Recording], options: ResampleOptions) -> None:
        self._append(
            [
                self._record(one, options, clips=sorted(self._existing_clips(one)), seconds=0.0, complete=False)
                for one in recordings
            ]
        )

    def finish(self, outcome: _CutOutcome, options: ResampleOptions) -> None:
        """Record the new clips of a recording, and remove old clips that were not overwritten."""
        before = self.records[outcome.recording.source.as_posix()].clips
        self._unlink(set(before) - set(outcome.clips))
        record = self._record(outcome.recording, options, clips=outcome.clips, seconds=outcome.seconds, complete=True)
        self._append([record])

    def remove(self, source: str) -> None:
        """Remove the clips and the record of a recording."""
        self._unlink(self._existing_clips(_Recording(Path(source), self.path, self.records[source].name)))
        del self.records[source]

    def _unlink(self, clips: Iterable[str]) -> None:
        """Remove clips and the files computed from them."""
        for clip in clips:
            (self.path / clip).unlink(missing_ok=True)
            for computed in self.path.glob(escape(clip) + ".*"):
                computed.unlink()

    def compact(self) -> None:
        """Reduce the records file to one line per recording, and remove partial files of a killed run."""
        remove_left_overs(self.path)
        write_text(self.path / _RECORDS, "".join(_as_line(record) for record in self.records.values()))

    def _existing_clips(self, recording: _Recording) -> set[str]:
        """Return the names of a recording's clips from earlier runs, including interrupted ones."""
        record = self.records.get(recording.source.as_posix())
        if record is None:
            return set()
        unfinished: list[str] = []
        if not record.complete:
            pattern = re.compile(re.escape(record.name) + r"(_\d{3,})?\.wav")
            unfinished = [path.name for path in self.path.glob("*.wav") if pattern.fullmatch(path.name)]
        return {*record.clips, *unfinished}

    def _record(self, recording: _Recording, options: ResampleOptions, **state: Any) -> _Record:
        source = recording.source
        return _Record(source.as_posix(), self.path.name, recording.name, _made_from(source, options), **state)

    def _append(self, records: Sequence[_Record]) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / _RECORDS).open("a", encoding="utf-8") as file:
            file.writelines(_as_line(record) for record in records)
        self.records |= {record.source: record for record in records}


def _read_records(path: Path) -> Iterator[_Record]:
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8").split("\n"):
        try:
            yield _Record(**json.loads(line))
        except (ValueError, TypeError):  # a killed run left a partial line; its recording is processed again
            continue


def _as_line(record: _Record) -> str:
    return json.dumps(asdict(record)) + "\n"


def _made_from(source: Path, options: ResampleOptions) -> dict[str, Any]:
    stat = source.stat()
    return {"bytes": stat.st_size, "modified_ns": stat.st_mtime_ns, **asdict(options)}


def _file_system_key(name: str) -> str:
    """Normalise the case and the Unicode form of a name, because some file systems ignore differences in both."""
    return unicodedata.normalize("NFC", name).casefold()


def _without_number(name: str) -> str:
    return re.sub(r"_\d{3,}$", "", name)


def _cut_recording(recording: _Recording, options: ResampleOptions) -> _CutOutcome:
    """Write the clips of one recording in two passes, so that memory use hardly depends on its length."""
    try:
        ranges, peak = _plan_clips(recording.source, options)
        names = [recording.name] if len(ranges) == 1 else [f"{recording.name}_{i:03d}" for i in range(len(ranges))]
        clips = [f"{name}.wav" for name in names]
        samples = windows(_one_second_blocks(recording.source, options.sample_rate), ranges)
        for clip, piece in zip(clips, samples, strict=True):
            with Writer(recording.folder / clip, options.sample_rate) as writer:
                writer.write(piece / peak)
    except Exception as error:
        reason = explain(error)
        if reason is None:
            raise
        return _CutOutcome(
            recording, [], 0.0, f"{recording.source}: {reason}" if isinstance(error, MemoryError) else reason
        )
    seconds = sum(end - start for start, end in ranges) / options.sample_rate
    return _CutOutcome(recording, clips, seconds, None)


def _plan_clips(source: Path, options: ResampleOptions) -> tuple[list[tuple[int, int]], float]:
    """Return the start and end of each clip, in samples at the target sample rate, and the peak of the recording.

    Raises:
        AudioError: the recording is unreadable, damaged, silent or too short.
    """
    peaks = []

    def with_peaks() -> Iterator[NDArray[np.float32]]:
        for block in _one_second_blocks(source, options.sample_rate):
            peaks.append(float(np.abs(block).max()))
            yield block

    levels = measure_levels(with_peaks(), options.sample_rate)
    peak = max(peaks)
    least = round(MIN_CLIP_SECONDS * options.sample_rate)
    if levels.n_samples < least:
        seconds = levels.n_samples / options.sample_rate
        raise AudioError(f"{source} is too short: {seconds:.2f} s; the minimum is {MIN_CLIP_SECONDS} s")
    if peak < _SILENT_PEAK:
        raise AudioError(f"{source} is silent: nothing in it is louder than -60 dB")

    sounding = _sounding_frames(levels, options)
    hop = round(options.hop_seconds * options.sample_rate)
    start, end = _trim(sounding, hop, 0, levels.n_samples) or (0, 0)
    limit = round(options.max_clip_seconds * options.sample_rate) or levels.n_samples
    edges = [start, *quiet_cuts(levels.smooth, levels.hop_samples, start, end, limit), end]
    trimmed = [_trim(sounding, hop, left, right) for left, right in pairwise(edges)]
    ranges = [clip for clip in trimmed if clip is not None and clip[1] - clip[0] >= least]
    if not ranges:
        raise AudioError(f"{source} is too short: less than {MIN_CLIP_SECONDS} s without silence")
    return ranges, peak


def _sounding_frames(levels: Levels, options: ResampleOptions) -> NDArray[np.bool_]:
    """Return a mask of the frames with a level within `top_db` of the loudest frame, as in `librosa.effects.trim`."""
    # Hop and length of the frames, in units of `levels.hop_samples`, which is 10 ms.
    step, frame = (
        seconds * options.sample_rate / levels.hop_samples for seconds in (options.hop_seconds, options.frame_seconds)
    )
    energy = np.concatenate([[0.0], np.cumsum(levels.power)])
    centres = np.arange(0, len(levels.power) + 1, step)
    first, last = (np.rint(centres + side * frame / 2).clip(0, len(levels.power)).astype(int) for side in (-1, 1))
    power = energy[last] - energy[first]
    return np.asarray(power > power.max() * db_to_power(-options.top_db))


def _trim(sounding: NDArray[np.bool_], hop: int, start: int, end: int) -> tuple[int, int] | None:
    """Return the range (start, end) without silent frames at both ends; None if all frames are silent."""
    first = start // hop
    frames = np.flatnonzero(sounding[first : -(-end // hop)])
    if not len(frames):
        return None
    return max(start, (first + int(frames[0])) * hop), min(end, (first + int(frames[-1]) + 1) * hop)


def _one_second_blocks(source: Path, sample_rate: int) -> Iterator[NDArray[np.float32]]:
    return prepared(source, sample_rate, sample_rate, strict=True)
