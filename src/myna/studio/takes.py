"""What a recording is worth as training data: its level, noise, clipping and pitch, and what to do about them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from myna.audio.bandwidth import highest_frequency
from myna.audio.folders import find_recordings
from myna.audio.io import blocks, info
from myna.audio.slicing import measure_levels
from myna.config import PitchRange
from myna.errors import AudioError
from myna.progress import Progress, silent

Samples = NDArray[np.float32]
Kind = Literal["spoken", "sung"]
ProblemKey = Literal[
    "silent",
    "too_short",
    "too_long",
    "too_quiet",
    "clipped",
    "noisy",
    "background",
    "narrow_band",
    "dull",
    "not_pitched",
]

# --- what is looked for ----------------------------------------------------------------------------------------------
# All numbers were tried on 715 recordings by some 310 people, spoken and sung, of good and of bad microphones; the
# comments say what was found there.

# Peaks below it are a room: the same boundary as that of the preparation (training.prepare.recordings).
_SILENT_DBFS = -60.0
# The quietest recording lies at -39; below -45 the noise of a cheap converter is heard beside the voice.
_TOO_QUIET_DBFS = -45.0
# Each clip is at least 0.3 s long for training; of a sentence or a tune more than a second is left.
_TOO_SHORT_SECONDS = 0.5
# One sentence or tune a take; the longest melody takes 15 s.
_TOO_LONG_SECONDS = 30.0
# Of samples that sound in half a minute. One word cut off at its loudest is 20 samples of 100,000 and is heard.
_CLIPPED_SHARE = 2e-4
# The noisiest recording has 14, one in fifty less than 19; noise at 10 dB is learnt as part of the voice.
_NOISY_DB = 14.0
_BACKGROUND_DB = 20.0
# A telephone, or a wireless headset in its telephone mode, ends at 3.4 to 4 kHz; the lowest end of another recording
# that was cut lies at 4.3.
_NARROW_HZ = 4200.0
# The air of a voice lies above; a headset of the better kind ends at 8, as does all of LibriSpeech.
_DULL_HZ = 10_000.0
# Of what sounds in a song 79 % are voiced and more, in speech 63 % (median).
_SUNG_VOICED_SHARE = 0.75
# A tune of short notes has more than half; a whisper, or a room, has less.
_PITCHED_SHARE = 0.5
# Of what is voiced, how much stays within `_STEADY_SEMITONES` for a quarter of a second; speech hardly ever does.
_SUNG_STEADY_SHARE = 0.11
_STEADY_SEMITONES = 1.5  # a vibrato is as wide
_STEADY_SECONDS = 0.25

# What a person reads of each problem: the way out included. The page's own languages have the same keys.
PROBLEMS: dict[str, str] = {
    "silent": "Nothing is heard. Is the right microphone chosen, and is it switched on?",
    "too_short": "Only {seconds:.1f} s of it sound. Begin after the count, and stop after the last word.",
    "too_long": "It is {seconds:.0f} s long. Record one sentence or one tune at a time.",
    "too_quiet": "It is very quiet ({level_dbfs:.0f} dB). Go nearer to the microphone, or turn its level up.",
    "clipped": "It is cut off where it is loudest. Go further from the microphone, or turn its level down.",
    "noisy": "The room is loud: only {snr_db:.0f} dB below the voice. Switch off fans, close windows, go nearer.",
    "background": "Some noise is heard, {snr_db:.0f} dB below the voice. It is usable; a quieter room is better.",
    "narrow_band": "It sounds like a telephone: nothing above {highest_hz:.0f} Hz. Use a microphone with a cable.",
    "dull": "Nothing is heard above {highest_hz:.0f} Hz. It is usable; a microphone with a cable may be clearer.",
    "not_pitched": "No melody is heard in it. Sing the notes, on the tone that you can listen to before.",
}
# With these a recording harms the voice or is of no use; with the others it is merely not the best.
_SERIOUS = frozenset(("silent", "too_short", "too_quiet", "clipped", "noisy", "narrow_band", "not_pitched"))


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with a recording."""

    key: ProblemKey
    numbers: Mapping[str, float] = field(default_factory=dict)  # what the text of the key names

    @property
    def serious(self) -> bool:
        """Whether the recording is better made again."""
        return self.key in _SERIOUS

    def text(self, texts: Mapping[str, str] = PROBLEMS) -> str:
        """For a person; `texts` are those of another language."""
        return texts[self.key].format(**self.numbers)


@dataclass(frozen=True, kw_only=True)
class TakeReport:
    """What was measured on a recording."""

    kind: Kind
    seconds: float
    sounding_seconds: float
    level_dbfs: float  # root of the mean square of what sounds
    peak_dbfs: float
    clipped_samples: int
    clipped_share: float  # of what sounds in the worst half minute
    noise_dbfs: float
    offset: float  # mean of the samples: what a faulty sound card adds
    highest_hz: float  # what it was cut at; half the sample rate where it was not
    voiced_share: float  # of what sounds
    steady_share: float  # of what is voiced: how much of it holds a note
    pitch: PitchRange | None
    problems: tuple[Problem, ...]

    @property
    def snr_db(self) -> float:
        return self.level_dbfs - self.noise_dbfs

    @property
    def good(self) -> bool:
        """Whether nothing is seriously wrong with it."""
        return not any(problem.serious for problem in self.problems)


def check_take(audio: Samples, sample_rate: int, kind: Kind) -> TakeReport:
    """Measure a take (N,) that is meant to be `kind`, and say what is wrong with it."""
    measured = _Sum(sample_rate)
    for start in range(0, len(audio), measured.piece_samples):
        measured.add(audio[start : start + measured.piece_samples])
    report = measured.report(kind)
    extra = []
    if report.seconds > _TOO_LONG_SECONDS:
        extra.append(Problem("too_long", {"seconds": report.seconds}))
    if kind == "sung" and not _has(report, "silent") and report.voiced_share < _PITCHED_SHARE:
        extra.append(Problem("not_pitched"))
    return _with_problems(report, extra)


# --- all recordings of a speaker -------------------------------------------------------------------------------------

# "About 10 s each" are the article's clips, and the preparation cuts what is longer than 15 s; so a recording of a
# minute counts as six, although it will be cut at its silences into some other number.
CLIP_SECONDS = 10.0


@dataclass(frozen=True)
class Aim:
    """How much there should be, after the article that describes the system."""

    spoken_clips: int = 150
    sung_clips: int = 50
    seconds: float = 300.0


@dataclass(frozen=True)
class Missing:
    """What there is too little of; 0 where there is enough."""

    spoken_clips: int
    sung_clips: int
    seconds: float

    @property
    def nothing(self) -> bool:
        return not (self.spoken_clips or self.sung_clips or self.seconds)


@dataclass(frozen=True)
class Recording:
    """A file, and either what was measured on it or why it cannot be read."""

    path: Path
    report: TakeReport | None
    error: str | None = None

    @property
    def counts(self) -> bool:
        """Whether there is something in it to learn from."""
        return self.report is not None and not (_has(self.report, "silent") or _has(self.report, "too_short"))

    @property
    def clips(self) -> int:
        return ceil(self.report.seconds / CLIP_SECONDS) if self.report is not None and self.counts else 0


@dataclass(frozen=True)
class DatasetReport:
    """All recordings of a speaker."""

    recordings: tuple[Recording, ...]
    pitch: PitchRange | None  # of all that is voiced

    @property
    def failed(self) -> tuple[Recording, ...]:
        """Those that cannot be read."""
        return tuple(one for one in self.recordings if one.error is not None)

    @property
    def with_problems(self) -> tuple[Recording, ...]:
        """Those that are better made again."""
        return tuple(one for one in self.recordings if one.report is not None and not one.report.good)

    def clips(self, kind: Kind | None = None) -> int:
        return sum(one.clips for one in self._counted(kind))

    def seconds(self, kind: Kind | None = None) -> float:
        return sum(one.report.seconds for one in self._counted(kind) if one.report is not None)

    def missing(self, aim: Aim | None = None) -> Missing:
        """What is still to be recorded."""
        aim = aim or Aim()
        return Missing(
            spoken_clips=max(0, aim.spoken_clips - self.clips("spoken")),
            sung_clips=max(0, aim.sung_clips - self.clips("sung")),
            seconds=max(0.0, aim.seconds - self.seconds()),
        )

    def _counted(self, kind: Kind | None) -> Iterator[Recording]:
        for one in self.recordings:
            if one.counts and one.report is not None and kind in (None, one.report.kind):
                yield one


def report_on(
    recordings: Path | Iterable[Path],
    *,
    kind_of: Callable[[Path], Kind | None] | None = None,
    progress: Progress = silent,
) -> DatasetReport:
    """Measure recordings; one that cannot be read is named in the report.

    Args:
        recordings: a folder, searched with all below it, or the files themselves.
        kind_of: whether a file is speech or song, where that is known; otherwise it is heard: rightly of
            712 of the 715 recordings that the boundaries were tried on.
        progress: told of each file.
    """
    paths = find_recordings(recordings) if isinstance(recordings, Path) else list(recordings)
    found = []
    pitches = _PitchCounts()
    for path in progress(paths, title="listening", total=len(paths), unit="recordings"):
        try:
            measured = _measure_file(path)
        except AudioError as error:
            found.append(Recording(path, None, str(error)))
            continue
        found.append(Recording(path, measured.report(kind_of(path) if kind_of else None)))
        pitches += measured.pitches
    return DatasetReport(tuple(found), pitches.range())


def _measure_file(path: Path) -> _Sum:
    measured = _Sum(info(path).sample_rate)
    held: Samples | None = None
    for block in blocks(path, measured.sample_rate, measured.piece_samples, strict=True):
        # A last piece that is too short to tell noise from voice belongs to the one before it.
        if held is not None and len(block) < measured.piece_samples // 4:
            held = np.concatenate([held, block])
            continue
        if held is not None:
            measured.add(held)
        held = block
    if held is not None:
        measured.add(held)
    return measured


def _has(report: TakeReport, key: ProblemKey) -> bool:
    return any(problem.key == key for problem in report.problems)


def _with_problems(report: TakeReport, extra: Sequence[Problem]) -> TakeReport:
    return replace(report, problems=(*report.problems, *extra)) if extra else report


# --- measuring -------------------------------------------------------------------------------------------------------

_PIECE_SECONDS = 30.0
# What is 35 dB below the loudest 50 ms is a pause; the softest sung vowels lie above.
_PAUSE_DB = 35.0
_FRAMES_PER_SECOND = 100
# Where a hum goes on in the pauses of speech, the pitch there is steady; a note is louder.
_NOTE_DB = 15.0


class _PitchCounts:
    """How many frames were heard at each pitch: percentiles of any number of them in constant memory."""

    _CENTS = 10

    def __init__(self, counts: NDArray[np.int64] | None = None) -> None:
        # From 27.5 Hz six octaves upwards, more than any estimator here reaches.
        self.counts = np.zeros(6 * 1200 // self._CENTS, np.int64) if counts is None else counts

    def add(self, f0: NDArray[np.floating]) -> None:
        """Count the voiced frames of a contour (T,) in Hz."""
        voiced = f0[f0 > 0]
        bins = np.rint(1200 / self._CENTS * np.log2(voiced / 27.5)).astype(int).clip(0, len(self.counts) - 1)
        self.counts += np.bincount(bins, minlength=len(self.counts))

    def __add__(self, other: _PitchCounts) -> _PitchCounts:
        return _PitchCounts(self.counts + other.counts)

    def range(self) -> PitchRange | None:
        total = self.counts.sum()
        if not total:
            return None
        heard = np.cumsum(self.counts)
        low, median, high = (
            round(27.5 * 2 ** (int(np.searchsorted(heard, share * total)) * self._CENTS / 1200), 1)
            for share in (0.05, 0.5, 0.95)
        )
        return PitchRange(median_hz=median, low_hz=low, high_hz=high)


class _Voicing(NamedTuple):
    """Frames of a piece, of 10 ms."""

    sounding: int
    voiced: int  # of them
    loud_voiced: int  # of them, those that may be notes
    steady: int  # of them, those that hold a note


class _Sum:
    """What is measured of a recording that comes in pieces of at most half a minute (a quarter longer at its end)."""

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self.piece_samples = round(_PIECE_SECONDS * sample_rate)
        self.pitches = _PitchCounts()
        self._n_samples = 0
        self._total = 0.0
        self._peak = 0.0
        self._clipped = 0
        self._clipped_share = 0.0
        self._energy = 0.0  # of what sounds
        self._sounding_samples = 0
        self._noise: list[tuple[float, int]] = []  # power, samples
        self._highest: list[tuple[float, float]] = []  # Hz, energy that tells it
        self._voicing = _Voicing(0, 0, 0, 0)

    def add(self, piece: Samples) -> None:
        """Measure the next samples (n,)."""
        self._n_samples += len(piece)
        self._total += float(piece.sum(dtype=np.float64))
        offset = float(piece.mean(dtype=np.float64)) if len(piece) else 0.0
        centred = piece - np.float32(offset)
        peak = float(np.abs(centred).max(initial=0.0))
        self._peak = max(self._peak, peak)
        self._noise.append((_noise_power(centred, self.sample_rate), len(piece)))
        if peak < 10 ** (_SILENT_DBFS / 20):
            return
        levels = measure_levels([centred], self.sample_rate)
        sounding = levels.smooth > levels.smooth.max() * 10 ** (-_PAUSE_DB / 10)
        n_sounding = int(sounding.sum()) * levels.hop_samples
        energy = float(levels.power[sounding].sum()) * levels.hop_samples
        self._energy += energy
        self._sounding_samples += n_sounding
        clipped = _count_clipped(piece, self.sample_rate)
        self._clipped += clipped
        self._clipped_share = max(self._clipped_share, clipped / n_sounding)
        self._highest.append((highest_frequency(centred, self.sample_rate), energy))
        self._add_voicing(centred, levels.smooth, sounding)

    def _add_voicing(self, piece: Samples, power: NDArray[np.float64], sounding: NDArray[np.bool_]) -> None:
        from myna.features.f0 import F0_ESTIMATORS  # torch, which whoever only reads a report does not wait for

        f0 = F0_ESTIMATORS["swift"](piece, self.sample_rate, self.sample_rate // _FRAMES_PER_SECOND, "cpu")
        n = min(len(f0), len(sounding))
        f0, power, sounding = f0[:n], power[:n], sounding[:n]
        voiced = (f0 > 0) & sounding
        loud = voiced & (power > np.mean(power[sounding]) * 10 ** (-_NOTE_DB / 10)) if sounding.any() else voiced
        self.pitches.add(f0[voiced])
        semitones = np.where(loud, 12 * np.log2(np.where(loud, f0, 1.0)), np.nan)
        width = round(_STEADY_SECONDS * _FRAMES_PER_SECOND)
        steady = 0
        if n >= width:
            windows = sliding_window_view(semitones, width)
            windows = windows[~np.isnan(windows).any(axis=1)]
            steady = int((np.ptp(windows, axis=1) < _STEADY_SEMITONES).sum()) if len(windows) else 0
        more = _Voicing(int(sounding.sum()), int(voiced.sum()), int(loud.sum()), steady)
        self._voicing = _Voicing(*(a + b for a, b in zip(self._voicing, more, strict=True)))

    def report(self, kind: Kind | None) -> TakeReport:
        """What all pieces come to; where `kind` is None it is heard."""
        voiced_share = self._voicing.voiced / max(self._voicing.sounding, 1)
        steady_share = self._voicing.steady / max(self._voicing.loud_voiced, 1)
        is_sung = voiced_share >= _SUNG_VOICED_SHARE and steady_share >= _SUNG_STEADY_SHARE
        report = TakeReport(
            kind=kind or ("sung" if is_sung else "spoken"),
            seconds=self._n_samples / self.sample_rate,
            sounding_seconds=self._sounding_samples / self.sample_rate,
            level_dbfs=_db(self._energy / max(self._sounding_samples, 1)),
            peak_dbfs=_db(self._peak**2),
            clipped_samples=self._clipped,
            clipped_share=self._clipped_share,
            noise_dbfs=_db(_mean(self._noise)),
            offset=self._total / max(self._n_samples, 1),
            highest_hz=self._highest_hz(),
            voiced_share=voiced_share,
            steady_share=steady_share,
            pitch=self.pitches.range(),
            problems=(),
        )
        return _with_problems(report, list(_problems(report)))

    def _highest_hz(self) -> float:
        """What the loudest pieces say: in a piece of breath there is nothing high to be heard."""
        return max(self._highest, key=lambda one: one[1])[0] if self._highest else self.sample_rate / 2


def _problems(report: TakeReport) -> Iterator[Problem]:
    if report.peak_dbfs < _SILENT_DBFS:
        yield Problem("silent")
        return
    if report.sounding_seconds < _TOO_SHORT_SECONDS:
        yield Problem("too_short", {"seconds": report.sounding_seconds})
    if report.level_dbfs < _TOO_QUIET_DBFS:
        yield Problem("too_quiet", {"level_dbfs": report.level_dbfs})
    if report.clipped_share > _CLIPPED_SHARE:
        yield Problem("clipped", {"samples": report.clipped_samples})
    if report.snr_db < _BACKGROUND_DB:
        yield Problem("noisy" if report.snr_db < _NOISY_DB else "background", {"snr_db": report.snr_db})
    if report.highest_hz < _DULL_HZ:
        key: ProblemKey = "narrow_band" if report.highest_hz < _NARROW_HZ else "dull"
        yield Problem(key, {"highest_hz": report.highest_hz})


def _db(power: float) -> float:
    """At least -120, below the noise of 16 bits."""
    return float(10 * np.log10(max(power, 1e-12)))


def _mean(weighted: Sequence[tuple[float, int]]) -> float:
    total = sum(weight for _, weight in weighted)
    return sum(value * weight for value, weight in weighted) / total if total else 0.0


# A held note leaves no pause in which noise could be heard; between its overtones it can.
_NOISE_WINDOW_SECONDS = 0.093  # tells the overtones of 50 Hz apart
_NOISE_LOWEST_HZ = 60.0  # rumble below is in every room, and in no voice
_NEIGHBOURS_HZ = 150.0  # on each side: a valley between two overtones of the highest voices but one
_QUIET_PERCENTILE, _VALLEY_PERCENTILE = 10, 25
# So much below the mean of a steady noise its quiet valleys lie, for 3 to 30 s of it (4.6 to 4.9).
_QUIET_VALLEY_DB = 4.7


def _noise_power(audio: Samples, sample_rate: int) -> float:
    """The mean square of what is always there in `audio` (N,), in its quiet moments and between its overtones."""
    n_fft = 2 ** round(np.log2(_NOISE_WINDOW_SECONDS * sample_rate))
    if len(audio) < n_fft:
        return 0.0
    window = np.hanning(n_fft).astype(np.float32)
    frames = sliding_window_view(audio, n_fft)[:: n_fft // 2] * window
    power = np.square(np.abs(np.fft.rfft(frames, axis=1)), dtype=np.float64)
    power *= 2 / (float(np.square(window).sum()) * n_fft)
    # Three frames together, or chance alone makes some of them quiet.
    n = min(3, len(power))
    total = np.cumsum(np.pad(power, ((1, 0), (0, 0))), axis=0)
    quiet = np.percentile((total[n:] - total[:-n]) / n, _QUIET_PERCENTILE, axis=0)
    reach = max(1, round(_NEIGHBOURS_HZ * n_fft / sample_rate))
    around = sliding_window_view(np.pad(quiet, reach, mode="edge"), 2 * reach + 1)
    valleys = np.percentile(around, _VALLEY_PERCENTILE, axis=1)
    return float(valleys[round(_NOISE_LOWEST_HZ * n_fft / sample_rate) :].sum()) * 10 ** (_QUIET_VALLEY_DB / 10)


_FULL_SCALE = 0.9995  # a converter's last code and the one before, in 16 bits and in 24
_TOP = 0.99  # of the extreme
# One code of 16 bits: a cut that was turned down afterwards is flat but for its dither.
_FLAT_STEP = 1 / 32768 + 1e-6
_LEAST_FLAT = 3  # samples
# No wave of a voice is rounder at its top than a tone of this pitch, which comes near to bass and has no overtones.
_ROUNDEST_HZ = 60.0


def _count_clipped(audio: Samples, sample_rate: int) -> int:
    """How many samples of `audio` (N,) lie at full scale, or on a flat top below it."""
    clipped = np.abs(audio) >= _FULL_SCALE
    for signed in (audio, -audio):
        extreme = float(signed.max(initial=0.0))
        if extreme <= 0:
            continue
        step = max(_FLAT_STEP, 1e-4 * extreme)
        # From the middle of its top the slope of a tone grows by this much a sample; so long it is as good as flat.
        bend = extreme * (2 * np.pi * _ROUNDEST_HZ / sample_rate) ** 2
        least = max(_LEAST_FLAT, ceil(2 * step / bend + 2))
        top = signed >= _TOP * extreme
        flat = top[1:] & top[:-1] & (np.abs(np.diff(signed)) <= step)
        edges = np.diff(np.concatenate([[0], flat.astype(np.int8), [0]]))
        for start, end in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
            if end - start + 1 >= least:
                clipped[start : end + 1] = True
    return int(clipped.sum())
