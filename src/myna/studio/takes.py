"""Checks of a recording's quality as training data: level, noise, clipping, bandwidth and pitch, with advice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from myna.audio.bandwidth import highest_frequency
from myna.audio.clipping import find_clipped
from myna.audio.slicing import measure_levels
from myna.config import PitchRange
from myna.studio.take_report import Kind, Problem, ProblemKey, TakeReport
from myna.units import db_to_amplitude, db_to_power, power_to_db

Samples = NDArray[np.float32]

# --- problems ---------------------------------------------------------------------------------------------------------
# The thresholds were tested on 715 recordings of speech and singing by about 310 people, made with good and bad
# microphones. The comments below are about these recordings.

# A recording with a lower peak contains only room noise. Preparation (training.prepare.recordings) uses the same
# threshold.
SILENT_DBFS = -60.0
# The level of the quietest recording is -39 dBFS. Below -45 dBFS, the noise of cheap A/D converters becomes audible.
_TOO_QUIET_DBFS = -45.0
# Training clips last at least 0.3 s. Every sentence or tune contains more than a second of sound.
_TOO_SHORT_SECONDS = 0.5
# A take is one sentence or tune; the longest melody lasts 15 s.
_TOO_LONG_SECONDS = 30.0
# Share of clipped samples among the sounding samples of half a minute. A single clipped word is audible, and results in
# 20 clipped samples in 100,000.
CLIPPED_SHARE = 2e-4
# Signal-to-noise ratios: 14 dB in the noisiest recording, and less than 19 dB in one of fifty. At 10 dB, a model learns
# the noise as part of the voice.
NOISY_DB = 14.0
_BACKGROUND_DB = 20.0
# A telephone, or a wireless headset in telephone mode, has a bandwidth of 3.4 to 4 kHz. All other band-limited
# recordings have a bandwidth of at least 4.3 kHz.
_NARROW_HZ = 4200.0
# The breath noise of a voice extends above this. The bandwidth of better headsets, and of LibriSpeech, is only 8 kHz.
_DULL_HZ = 10_000.0
# Share of voiced frames among the sounding frames: at least 79 % in songs; 63 % (median) in speech.
_SUNG_VOICED_SHARE = 0.75
# More than half of the sounding frames are voiced even in a tune of short notes, but not in whispering and room noise.
_PITCHED_SHARE = 0.5
# Share of the loud voiced frames that begin a quarter of a second in which the pitch stays within `_STEADY_SEMITONES`.
# Steady pitch is rare in speech.
_SUNG_STEADY_SHARE = 0.11
_STEADY_SEMITONES = 1.5  # the width of a vibrato
_STEADY_SECONDS = 0.25


def check_take(audio: Samples, sample_rate: int, kind: Kind) -> TakeReport:
    """Measure a take (N,) that should be of `kind`, and report its problems."""
    meter = TakeMeter(sample_rate)
    for start in range(0, len(audio), meter.block_samples):
        meter.add(audio[start : start + meter.block_samples])
    report = meter.report(kind)
    extra = []
    if report.seconds > _TOO_LONG_SECONDS:
        extra.append(Problem("too_long", {"seconds": report.seconds}))
    if kind == "sung" and not report.has("silent") and report.voiced_share < _PITCHED_SHARE:
        extra.append(Problem("not_pitched"))
    return _with_problems(report, extra)


def _with_problems(report: TakeReport, extra: Sequence[Problem]) -> TakeReport:
    return replace(report, problems=(*report.problems, *extra)) if extra else report


# --- measuring -------------------------------------------------------------------------------------------------------

_BLOCK_SECONDS = 30.0
# Level of pauses relative to the loudest 50 ms: below it are pauses. Even the softest sung vowels are louder.
_PAUSE_DB = 35.0
FRAMES_PER_SECOND = 100
# Level of notes relative to the mean level: softer voiced frames do not count. This excludes hum in the pauses of
# speech, which has a steady pitch, but is softer than notes.
_NOTE_DB = 15.0


class PitchHistogram:
    """Histogram of pitch, for percentiles over any number of frames in constant memory."""

    _CENTS = 10

    def __init__(self, counts: NDArray[np.int64] | None = None) -> None:
        # The bins cover the six octaves above 27.5 Hz, more than the range of every f0 estimator in myna.
        self.counts = np.zeros(6 * 1200 // self._CENTS, np.int64) if counts is None else counts

    def add(self, f0: NDArray[np.floating]) -> None:
        """Count the voiced frames of a contour (T,) in Hz."""
        voiced = f0[f0 > 0]
        bins = np.rint(1200 / self._CENTS * np.log2(voiced / 27.5)).astype(int).clip(0, len(self.counts) - 1)
        self.counts += np.bincount(bins, minlength=len(self.counts))

    def __add__(self, other: PitchHistogram) -> PitchHistogram:
        return PitchHistogram(self.counts + other.counts)

    def range(self) -> PitchRange | None:
        """Return the median and the 5th and 95th percentiles of pitch in Hz; None if no voiced frame was counted."""
        total = self.counts.sum()
        if not total:
            return None
        cumulative = np.cumsum(self.counts)
        low, median, high = (
            round(27.5 * 2 ** (int(np.searchsorted(cumulative, share * total)) * self._CENTS / 1200), 1)
            for share in (0.05, 0.5, 0.95)
        )
        return PitchRange(median_hz=median, low_hz=low, high_hz=high)


class _Voicing(NamedTuple):
    """Numbers of 10 ms frames; each field counts a subset of the frames in the field before it."""

    sounding: int
    voiced: int
    loud_voiced: int  # loud enough for a note
    steady: int  # at the beginning of a quarter of a second with loud voice and steady pitch


class TakeMeter:
    """Meter of a recording, given in blocks of at most half a minute; the last block may be a quarter longer."""

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self.block_samples = round(_BLOCK_SECONDS * sample_rate)
        self.pitches = PitchHistogram()
        self._n_samples = 0
        self._total = 0.0
        self._peak = 0.0
        self._clipped = 0
        self._clipped_share = 0.0
        self._energy = 0.0  # energy of the sounding samples
        self._sounding_samples = 0
        self._noise: list[tuple[float, int]] = []  # noise power and number of samples of each block
        self._highest: list[tuple[float, float]] = []  # bandwidth in Hz and energy of each block
        self._voicing = _Voicing(0, 0, 0, 0)

    def add(self, block: Samples) -> None:
        """Measure the next block (n,) of the recording."""
        self._n_samples += len(block)
        self._total += float(block.sum(dtype=np.float64))
        offset = float(block.mean(dtype=np.float64)) if len(block) else 0.0
        centred = block - np.float32(offset)
        peak = float(np.abs(centred).max(initial=0.0))
        self._peak = max(self._peak, peak)
        self._noise.append((noise_power(centred, self.sample_rate), len(block)))
        if peak < db_to_amplitude(SILENT_DBFS):
            return
        levels = measure_levels([centred], self.sample_rate)
        sounding = levels.smooth > levels.smooth.max() * db_to_power(-_PAUSE_DB)
        n_sounding = int(sounding.sum()) * levels.hop_samples
        energy = float(levels.power[sounding].sum()) * levels.hop_samples
        self._energy += energy
        self._sounding_samples += n_sounding
        clipped = int(find_clipped(block, self.sample_rate).sum())
        self._clipped += clipped
        self._clipped_share = max(self._clipped_share, clipped / n_sounding)
        self._highest.append((highest_frequency(centred, self.sample_rate), energy))
        self._add_voicing(centred, levels.smooth, sounding)

    def _add_voicing(self, block: Samples, power: NDArray[np.float64], sounding: NDArray[np.bool_]) -> None:
        from myna.features.f0 import F0_ESTIMATORS  # loads torch, which is not needed for reports

        f0 = F0_ESTIMATORS["swift"](block, self.sample_rate, self.sample_rate // FRAMES_PER_SECOND, "cpu")
        n = min(len(f0), len(sounding))
        f0, power, sounding = f0[:n], power[:n], sounding[:n]
        voiced = (f0 > 0) & sounding
        loud = voiced & (power > np.mean(power[sounding]) * db_to_power(-_NOTE_DB)) if sounding.any() else voiced
        self.pitches.add(f0[voiced])
        semitones = np.where(loud, 12 * np.log2(np.where(loud, f0, 1.0)), np.nan)
        width = round(_STEADY_SECONDS * FRAMES_PER_SECOND)
        steady = 0
        if n >= width:
            windows = sliding_window_view(semitones, width)
            windows = windows[~np.isnan(windows).any(axis=1)]
            steady = int((np.ptp(windows, axis=1) < _STEADY_SEMITONES).sum()) if len(windows) else 0
        added = _Voicing(int(sounding.sum()), int(voiced.sum()), int(loud.sum()), steady)
        self._voicing = _Voicing(*(a + b for a, b in zip(self._voicing, added, strict=True)))

    def report(self, kind: Kind | None) -> TakeReport:
        """Return the report on all blocks; if `kind` is None, classify the recording by voicing and pitch."""
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
        """Return the bandwidth of the block with the most energy, because soft blocks may lack high frequencies."""
        return max(self._highest, key=lambda one: one[1])[0] if self._highest else self.sample_rate / 2


def _problems(report: TakeReport) -> Iterator[Problem]:
    if report.peak_dbfs < SILENT_DBFS:
        yield Problem("silent")
        return
    if report.sounding_seconds < _TOO_SHORT_SECONDS:
        yield Problem("too_short", {"seconds": report.sounding_seconds})
    if report.level_dbfs < _TOO_QUIET_DBFS:
        yield Problem("too_quiet", {"level_dbfs": report.level_dbfs})
    if report.clipped_share > CLIPPED_SHARE:
        yield Problem("clipped", {"samples": report.clipped_samples})
    if report.snr_db < _BACKGROUND_DB:
        yield Problem("noisy" if report.snr_db < NOISY_DB else "background", {"snr_db": report.snr_db})
    if report.highest_hz < _DULL_HZ:
        key: ProblemKey = "narrow_band" if report.highest_hz < _NARROW_HZ else "dull"
        yield Problem(key, {"highest_hz": report.highest_hz})


def _db(power: float) -> float:
    """Convert a power to dB; the minimum of -120 dB is below the noise of 16-bit audio."""
    return power_to_db(max(power, 1e-12))


def _mean(weighted: Sequence[tuple[float, int]]) -> float:
    total = sum(weight for _, weight in weighted)
    return sum(value * weight for value, weight in weighted) / total if total else 0.0


# A held note has no pauses for measuring noise, so noise is measured between its overtones.
_NOISE_WINDOW_SECONDS = 0.093  # long enough to resolve the overtones of a 50 Hz tone
_NOISE_LOWEST_HZ = 60.0  # below this is the rumble of rooms, but no voice
_NEIGHBOURS_HZ = 150.0  # range on each side of a frequency for the search of valleys between overtones
_QUIET_PERCENTILE, _VALLEY_PERCENTILE = 10, 25
# Difference between the mean level of stationary noise and the level of its quiet valleys: 4.6 to 4.9 dB in
# measurements on 3 to 30 s of noise.
_QUIET_VALLEY_DB = 4.7


def noise_power(audio: Samples, sample_rate: int) -> float:
    """Measure the power of the stationary noise in `audio` (N,) in quiet moments and between overtones.

    The result is 0 if `audio` is shorter than one window.
    """
    n_fft = 2 ** round(np.log2(_NOISE_WINDOW_SECONDS * sample_rate))
    if len(audio) < n_fft:
        return 0.0
    window = np.hanning(n_fft).astype(np.float32)
    frames = sliding_window_view(audio, n_fft)[:: n_fft // 2] * window
    power = np.square(np.abs(np.fft.rfft(frames, axis=1)), dtype=np.float64)
    power *= 2 / (float(np.square(window).sum()) * n_fft)
    # Average three frames, because a single frame may be quiet by chance.
    n = min(3, len(power))
    total = np.cumsum(np.pad(power, ((1, 0), (0, 0))), axis=0)
    quiet = np.percentile((total[n:] - total[:-n]) / n, _QUIET_PERCENTILE, axis=0)
    reach = max(1, round(_NEIGHBOURS_HZ * n_fft / sample_rate))
    around = sliding_window_view(np.pad(quiet, reach, mode="edge"), 2 * reach + 1)
    valleys = np.percentile(around, _VALLEY_PERCENTILE, axis=1)
    return float(valleys[round(_NOISE_LOWEST_HZ * n_fft / sample_rate) :].sum()) * db_to_power(_QUIET_VALLEY_DB)
