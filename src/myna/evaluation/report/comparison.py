"""Comparison of recordings of one song, as plain values for a page, which draws and plays them on one timeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from myna.audio.formats import PLAYABLE_SUFFIXES
from myna.audio.io import Writer, info, read
from myna.audio.preparation import read_prepared
from myna.evaluation.drawing.axes import frequency_position, time_ticks
from myna.evaluation.drawing.curve import MAX_POINTS, PitchScale
from myna.evaluation.drawing.image import FREQUENCIES_HZ, HIGH_HZ, MAX_COLUMNS, data_uri, spectrogram_png
from myna.features.f0 import F0_ESTIMATORS
from myna.features.loudness import loudness
from myna.progress import Progress, silent
from myna.units import db_to_amplitude, db_to_power, power_to_db, semitones_to_ratio

MAX_TRACKS = 9  # one number key for each track
_SAMPLE_RATE = 44100
_F0_HOP = _SAMPLE_RATE // 100
# Number of tracks from which spectrograms get fewer columns and pitch curves fewer points, to keep a comparison under 1
# MB.
_FULL_DETAIL_TRACKS = 4

# Gates of ITU-R BS.1770: the level of a recording is a mean without frames below an absolute gate, and without frames
# below a second gate, which is relative to the mean of the others. The standard's frequency weighting is omitted,
# because it hardly changes the difference between two voices that sing the same notes.
_SILENT_DB, _GATE_DB = -70.0, -10.0
_LEVEL_HOP = _SAMPLE_RATE // 10
_MAX_ATTENUATION_DB = 24.0  # limit, so that a nearly silent recording does not mute the others


@dataclass(frozen=True)
class Track:
    """A recording to compare: its file, its display name, and its shift in semitones from the first track."""

    path: Path
    name: str
    transpose: float = 0.0


class Label(TypedDict):
    """A label of an axis; `place` is its position, in percent from the left or from the top."""

    text: str
    place: float


class TrackView(TypedDict):
    """Data that a page needs to display and play one track."""

    path: str  # absolute path of the recording, or of its copy if browsers cannot play the recording
    name: str
    seconds: float
    gain: float  # 0 to 1; with these gains, all tracks have the level of the quietest one
    spectrogram: str  # PNG as a data URI; it spans the duration of this track
    curve: str  # pitch as SVG path data in a 1000 x 100 view box that spans the whole timeline


class Comparison(TypedDict):
    """Data that a page needs to display and play several tracks, as plain JSON values."""

    seconds: float  # length of the longest track
    tracks: list[TrackView]
    notes: list[Label]
    frequencies: list[Label]
    times: list[Label]


@dataclass(frozen=True)
class _Analysis:
    seconds: float
    f0: NDArray[np.float32]
    level_db: float | None  # None if the recording is silent
    spectrogram: str


def compare(tracks: Sequence[Track], copies: Path | None = None, progress: Progress = silent) -> Comparison:
    """Analyse tracks and draw them on a common timeline; the first track is the source.

    All pitch contours are transposed to the pitch of the second track, so that faithful conversions have the same
    contour as the source.

    Args:
        tracks: 1 to `MAX_TRACKS` recordings.
        copies: folder for copies of those recordings that browsers cannot play; None makes no copies.
        progress: progress display, counted in tracks.

    Raises:
        AudioError: a recording cannot be read, or a copy cannot be written.
        ValueError: there are too few or too many tracks.
    """
    if not 1 <= len(tracks) <= MAX_TRACKS:
        raise ValueError(f"choose 1 to {MAX_TRACKS} tracks to compare, got {len(tracks)}")
    detail = min(1.0, _FULL_DETAIL_TRACKS / len(tracks))
    paths, analyses = [], []
    for number, track in enumerate(progress(tracks, title="comparison", unit="tracks")):
        audio = read_prepared(track.path, _SAMPLE_RATE)
        analyses.append(_analyse(audio, round(MAX_COLUMNS * detail)))
        paths.append(_playable(track.path, number, copies))

    seconds = max(one.seconds for one in analyses)
    n_frames = seconds * _SAMPLE_RATE / _F0_HOP
    transpose = tracks[min(1, len(tracks) - 1)].transpose
    contours = [
        one.f0 * semitones_to_ratio(transpose - track.transpose) for one, track in zip(analyses, tracks, strict=True)
    ]
    scale = PitchScale.around(contours)
    gains = _gains([one.level_db for one in analyses])
    return Comparison(
        seconds=seconds,
        tracks=[
            TrackView(
                path=str(path),
                name=track.name,
                seconds=one.seconds,
                gain=gain,
                spectrogram=one.spectrogram,
                curve=scale.path(contour, n_frames, round(MAX_POINTS * detail)),
            )
            for path, track, one, gain, contour in zip(paths, tracks, analyses, gains, contours, strict=True)
        ],
        notes=[Label(text=name, place=position) for name, position in scale.notes()],
        frequencies=[
            Label(text=text, place=100 * frequency_position(hz, HIGH_HZ)) for hz, text in FREQUENCIES_HZ.items()
        ],
        times=[Label(text=text, place=100 * time / seconds) for time, text in time_ticks(seconds)],
    )


def _analyse(audio: NDArray[np.float32], max_columns: int) -> _Analysis:
    return _Analysis(
        seconds=len(audio) / _SAMPLE_RATE,
        f0=F0_ESTIMATORS["swift"](audio, _SAMPLE_RATE, _F0_HOP, "cpu"),
        level_db=_level(audio),
        spectrogram=data_uri("image/png", spectrogram_png(audio, _SAMPLE_RATE, max_columns=max_columns)),
    )


def _level(audio: NDArray[np.float32]) -> float | None:
    """Return the gated level of a recording in dB; None if the recording is silent."""
    level_db = loudness(audio, min(_LEVEL_HOP, len(audio)))
    audible = level_db[level_db > _SILENT_DB]
    if not len(audible):
        return None
    return _mean_db(audible[audible >= _mean_db(audible) + _GATE_DB])


def _mean_db(level_db: NDArray[np.floating]) -> float:
    return power_to_db(float(np.mean(db_to_power(level_db))))


def _gains(levels_db: Sequence[float | None]) -> list[float]:
    """Return the gains that give all tracks the level of the quietest one. No gain exceeds 1, so no track clips."""
    quietest = min((level for level in levels_db if level is not None), default=0.0)
    attenuations_db = [0.0 if level is None else min(level - quietest, _MAX_ATTENUATION_DB) for level in levels_db]
    return [float(db_to_amplitude(-attenuation_db)) for attenuation_db in attenuations_db]


def _playable(path: Path, number: int, copies: Path | None) -> Path:
    """Return the path of a file that browsers can play: the recording itself, or else a FLAC copy."""
    if copies is None or path.suffix.lower() in PLAYABLE_SUFFIXES:
        return path.absolute()
    copy = copies.absolute() / f"{path.stem}-{number + 1}.flac"
    with Writer(copy, _SAMPLE_RATE, tags=info(path).tags) as writer:
        writer.write(read(path, _SAMPLE_RATE)[0])
    return copy
