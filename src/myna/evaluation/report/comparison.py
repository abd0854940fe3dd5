"""Recordings of one song side by side, as plain values: what a page needs to draw and play them on one timeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from myna.audio.io import Writer, read
from myna.evaluation.drawing.axes import frequency_place, time_ticks
from myna.evaluation.drawing.curve import MOST_POINTS, PitchScale
from myna.evaluation.drawing.image import FREQUENCIES_HZ, HIGH_HZ, MOST_COLUMNS, data_uri, spectrogram_png
from myna.features.f0 import F0_ESTIMATORS
from myna.features.loudness import loudness
from myna.progress import Progress, silent

MOST_TRACKS = 9  # a key from 1 to 9 for each
_SAMPLE_RATE = 44100
_F0_HOP = _SAMPLE_RATE // 100
# So many are drawn in full; of more, each gets fewer columns and points, so that the value stays below 1 MB.
_DRAWN_IN_FULL = 4
# What every browser of today decodes; of other files a copy is made.
_PLAYED_SUFFIXES = frozenset((".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".mp4", ".webm"))

# The gates of ITU-R BS.1770: what is quieter does not count to how loud a recording is. Its weighting of frequencies
# is left out: between two voices that sing the same notes it changes little.
_SILENT_DB, _GATE_DB = -70.0, -10.0
_LEVEL_HOP = _SAMPLE_RATE // 10
_MOST_ATTENUATION_DB = 24.0  # a recording that is nearly silent does not silence the others


@dataclass(frozen=True)
class Track:
    """A recording that is compared: its file, its name for people, and its shift against the first, in semitones."""

    path: Path
    name: str
    transpose: float = 0.0


class Label(TypedDict):
    """A word on an axis, and its place: percent from the left, or from the top."""

    text: str
    place: float


class TrackView(TypedDict):
    """What is shown of one track."""

    path: str  # absolute; where the browser could not play the recording, that of a copy
    name: str
    seconds: float
    gain: float  # 0 to 1; with it all tracks are as loud as the quietest
    spectrogram: str  # a PNG as data URI; it spans the track's own seconds
    curve: str  # its pitch: an SVG path on 1000 x 100 over the whole timeline


class Comparison(TypedDict):
    """All that a page shows of several tracks, in plain values of JSON."""

    seconds: float  # of the longest
    tracks: list[TrackView]
    notes: list[Label]
    frequencies: list[Label]
    times: list[Label]


@dataclass(frozen=True)
class _Heard:
    seconds: float
    f0: NDArray[np.float32]
    level_db: float | None  # None: it is silent
    spectrogram: str


def compare(tracks: Sequence[Track], copies: Path | None = None, progress: Progress = silent) -> Comparison:
    """Draw tracks beside each other, the source first.

    Every pitch is drawn where it would lie if its track were shifted as the second one is, so that all that follow the
    source lie on each other.

    Args:
        tracks: 1 to `MOST_TRACKS` recordings.
        copies: a folder for copies of recordings whose format browsers do not play; without it there are none.
        progress: of the tracks.

    Raises:
        AudioError: a recording cannot be read, or a copy cannot be written.
    """
    if not 1 <= len(tracks) <= MOST_TRACKS:
        raise ValueError(f"from 1 to {MOST_TRACKS} tracks can be compared, not {len(tracks)}")
    share = min(1.0, _DRAWN_IN_FULL / len(tracks))
    paths, heard = [], []
    for number, track in enumerate(progress(tracks, title="comparison", unit="tracks")):
        audio, _ = read(track.path, _SAMPLE_RATE)
        heard.append(_hear(audio, round(MOST_COLUMNS * share)))
        paths.append(_playable(track.path, audio, number, copies))

    seconds = max(one.seconds for one in heard)
    n_frames = seconds * _SAMPLE_RATE / _F0_HOP
    wanted = tracks[min(1, len(tracks) - 1)].transpose
    contours = [one.f0 * 2 ** ((wanted - track.transpose) / 12) for one, track in zip(heard, tracks, strict=True)]
    scale = PitchScale.around(contours)
    gains = _gains([one.level_db for one in heard])
    return Comparison(
        seconds=seconds,
        tracks=[
            TrackView(
                path=str(path),
                name=track.name,
                seconds=one.seconds,
                gain=gain,
                spectrogram=one.spectrogram,
                curve=scale.path(contour, n_frames, round(MOST_POINTS * share)),
            )
            for path, track, one, gain, contour in zip(paths, tracks, heard, gains, contours, strict=True)
        ],
        notes=[Label(text=name, place=place) for name, place in scale.notes()],
        frequencies=[Label(text=text, place=100 * frequency_place(hz, HIGH_HZ)) for hz, text in FREQUENCIES_HZ.items()],
        times=[Label(text=text, place=100 * time / seconds) for time, text in time_ticks(seconds)],
    )


def _hear(audio: NDArray[np.float32], most_columns: int) -> _Heard:
    return _Heard(
        seconds=len(audio) / _SAMPLE_RATE,
        f0=F0_ESTIMATORS["swift"](audio, _SAMPLE_RATE, _F0_HOP, "cpu"),
        level_db=_level(audio),
        spectrogram=data_uri("image/png", spectrogram_png(audio, _SAMPLE_RATE, most_columns=most_columns)),
    )


def _level(audio: NDArray[np.float32]) -> float | None:
    """How loud what sounds of a recording is, in dB; None where nothing does."""
    level_db = loudness(audio, min(_LEVEL_HOP, len(audio)))
    sounding = level_db[level_db > _SILENT_DB]
    if not len(sounding):
        return None
    return _mean_db(sounding[sounding >= _mean_db(sounding) + _GATE_DB])


def _mean_db(level_db: NDArray[np.floating]) -> float:
    return float(10 * np.log10(np.mean(10 ** (level_db / 10))))


def _gains(levels_db: Sequence[float | None]) -> list[float]:
    """Factors that make all as loud as the quietest: none is above 1, so nothing clips."""
    quietest = min((level for level in levels_db if level is not None), default=0.0)
    softer = [0.0 if level is None else min(level - quietest, _MOST_ATTENUATION_DB) for level in levels_db]
    return [float(10 ** (-by_db / 20)) for by_db in softer]


def _playable(path: Path, audio: NDArray[np.float32], number: int, copies: Path | None) -> Path:
    """The recording itself where browsers play it, else a copy."""
    if copies is None or path.suffix.lower() in _PLAYED_SUFFIXES:
        return path.absolute()
    copy = copies.absolute() / f"{path.stem}-{number + 1}.flac"
    with Writer(copy, _SAMPLE_RATE) as writer:
        writer.write(audio)
    return copy
