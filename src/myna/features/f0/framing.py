"""Common parts of all f0 estimators: pitch range, resampling to frames, and detection of silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from myna.config import VOICE_BOUNDS, PitchBounds
from myna.features.contour import Contour, FloatArray, frame_centres, notes_beyond, resample_contour
from myna.units import db_to_power

Samples: TypeAlias = NDArray[np.float32]

# Pitch range of singing, from below the lowest bass to above the highest soprano. Estimators may cover a part of it.
SUNG_BOUNDS = PitchBounds(40.0, 2100.0)

# Function of audio (N,), sample rate, requested times (T,) in seconds, device and bounds. It may return the pitch at
# other times.
Measure: TypeAlias = Callable[[Samples, int, FloatArray, str, PitchBounds], Contour]


class Estimator(Protocol):
    """Estimator of f0 at the centres of frames."""

    def __call__(
        self,
        audio: Samples,
        sample_rate: int,
        hop_length: int,
        device: str = "cpu",
        *,
        peak: float | None = None,
        bounds: PitchBounds = SUNG_BOUNDS,
    ) -> Samples:
        """
        Args:
            audio: (N,).
            peak: reference level for normalisation and silence detection, if higher than the peak of `audio`. A stream
                passes the highest peak so far.
            bounds: lowest and highest pitch to look for.

        Returns:
            f0 (N // hop_length,) in Hz, 0 where unvoiced.
        """
        ...


# Some methods fail on audio shorter than a few periods of the lowest pitch, so shorter audio is padded.
_SHORTEST_SECONDS = 0.25
# Audio with a lower peak counts as silent: such levels are quantisation noise of 16 bits, or a quiet room.
_SILENT_PEAK = 2e-4
# A frame is silent if its level is this far below that of the loudest frame. In seven recordings, no voiced frame was
# more than 43 dB below. This removes pitches that Harvest and CREPE find in room noise.
SILENT_DB = -55.0
LEVEL_SECONDS = 0.03
# Shorter notes outside the bounds of voices are whistling consonants or errors. In seven recordings, SwiftF0 finds such
# notes with up to 0.08 s.
SHORTEST_NOTE_SECONDS = 0.1
USUAL_POWER = 1 / 16  # mean square of loud singing with a peak of 1


def on_frames(measure: Measure) -> Estimator:
    """Make an estimator from a method: normalise the level, resample the contour to frames, unvoice silent frames."""

    def estimate(
        audio: Samples,
        sample_rate: int,
        hop_length: int,
        device: str = "cpu",
        *,
        peak: float | None = None,
        bounds: PitchBounds = SUNG_BOUNDS,
    ) -> Samples:
        times = frame_centres(len(audio) // hop_length, sample_rate, hop_length)
        if not len(times):
            return np.empty(0, np.float32)
        audio = audio - audio.mean(dtype=np.float64).astype(np.float32)
        loudest = max(float(np.abs(audio).max()), peak or 0.0)
        if loudest < _SILENT_PEAK:
            return np.zeros(len(times), np.float32)
        # swift and FCPE need typical levels: 40 dB below, they miss a tenth or more of the voiced frames.
        audio = np.pad(audio / np.float32(loudest), (0, max(0, round(_SHORTEST_SECONDS * sample_rate) - len(audio))))
        f0 = resample_contour(*measure(audio, sample_rate, times, device, bounds), times)
        least_power = 0.0 if peak is None else USUAL_POWER
        voiced = _sounding(audio, sample_rate, times, least_power) & within(f0, bounds)
        unvoiced = np.zeros(len(f0))
        return _with_long_notes(unvoiced, np.where(voiced, f0, 0), hop_length / sample_rate).astype(np.float32)

    return estimate


def widened(measure: Measure) -> Measure:
    """Wrap a method so that the requested bounds do not change the pitch that it returns within `VOICE_BOUNDS`.

    Only pitch outside `VOICE_BOUNDS` is taken from a second measurement, with the requested bounds.
    """

    def measure_twice(audio: Samples, sample_rate: int, times: FloatArray, device: str, bounds: PitchBounds) -> Contour:
        usual = measure(audio, sample_rate, times, device, VOICE_BOUNDS)
        if bounds == VOICE_BOUNDS:
            return usual
        f0 = resample_contour(*measure(audio, sample_rate, times, device, bounds), usual.times)
        f0 = np.where((f0 == 0) | within(f0, VOICE_BOUNDS), usual.f0, f0)
        return Contour(usual.times, _with_long_notes(usual.f0, f0, float(np.median(np.diff(usual.times)))))

    return measure_twice


def _with_long_notes(usual: FloatArray, f0: FloatArray, frame_seconds: float) -> FloatArray:
    """Return the contour `f0` (T,), with the pitch of `usual` in short notes outside the bounds of voices."""
    f0 = f0.copy()
    for note in notes_beyond(f0, VOICE_BOUNDS):
        if (note.stop - note.start) * frame_seconds < SHORTEST_NOTE_SECONDS:
            f0[note] = np.where(within(f0[note], VOICE_BOUNDS), f0[note], usual[note])
    return f0


def within(f0: FloatArray, bounds: PitchBounds) -> NDArray[np.bool_]:
    within: NDArray[np.bool_] = (f0 >= bounds.low_hz) & (f0 <= bounds.high_hz)
    return within


def _sounding(audio: Samples, sample_rate: int, times: FloatArray, least_power: float) -> NDArray[np.bool_]:
    """Return a mask (T,) of the `times` at which the audio is not silent relative to its loudest moment.

    The power of the loudest moment counts as at least `least_power`.
    """
    energy = np.concatenate([[0.0], np.cumsum(np.square(audio, dtype=np.float64))])
    half = round(LEVEL_SECONDS / 2 * sample_rate)
    middle = np.rint(times * sample_rate).astype(np.int64)
    power = energy[(middle + half).clip(max=len(audio))] - energy[(middle - half).clip(min=0)]
    loudest = max(float(power.max()), least_power * 2 * half)
    sounding: NDArray[np.bool_] = power > loudest * db_to_power(SILENT_DB)
    return sounding
