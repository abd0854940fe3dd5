"""f0 estimation for a stream, by SwiftF0."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from myna.audio.resample import ResampledStream
from myna.config import VOICE_BOUNDS
from myna.features.contour import NoteAtBound, resample_contour
from myna.features.f0.framing import (
    LEVEL_SECONDS,
    SHORTEST_NOTE_SECONDS,
    SILENT_DB,
    SUNG_BOUNDS,
    USUAL_POWER,
    Samples,
    within,
)
from myna.features.f0.swift import HOP_SAMPLES, SAMPLE_RATE, VOICED_CONFIDENCE, swift_stream, with_its_bends
from myna.units import db_to_power

FIRST_PEAK = 0.1  # reference level until louder samples arrive: -20 dB relative to full scale
_PEAK_HALF_SECONDS = 10.0  # half-life of the peak, so that a knock on the microphone has no lasting effect
_LOOK_AHEAD_FRAMES = 10  # in SwiftF0, a frame is final when the ten frames after it are complete
_BEND_FRAMES = 1  # number of later frames that `with_its_bends` needs


class PitchStream:
    """Estimator of f0 at the centres of frames for a stream, like `F0_ESTIMATORS["swift"]`.

    It differs from this estimator, applied to the whole recording, in three points:

    - Levels are relative to the highest peak so far, which decays. Silence is relative to the loudest frame so far.
    - A note outside the bounds of voices is unvoiced until it has lasted `SHORTEST_NOTE_SECONDS`. In a recording, it is
      unvoiced only if it is shorter than this.
    - The mean is not subtracted.
    """

    def __init__(self, sample_rate: int, hop_length: int, peak: float = FIRST_PEAK) -> None:
        self._sample_rate, self._hop_length = sample_rate, hop_length
        self._peak = self._first_peak = peak
        self._resampler = ResampledStream(sample_rate, SAMPLE_RATE)
        self._swift = swift_stream(SUNG_BOUNDS)
        self._times, self._f0 = np.empty((2, 0))  # the last frames of SwiftF0
        self._n_in = self._n_out = 0  # numbers of received samples and of returned frames
        self._level = _LevelStream(sample_rate, hop_length)
        self._note = NoteAtBound(VOICE_BOUNDS)
        self._shortest_frames = SHORTEST_NOTE_SECONDS * sample_rate / hop_length

    @staticmethod
    def ready(sample_rate: int, hop_length: int, n_samples: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of frames that `push` has returned after `n_samples` samples."""
        n_swift = ResampledStream.ready(sample_rate, SAMPLE_RATE, n_samples) // HOP_SAMPLES - _LOOK_AHEAD_FRAMES
        last_seconds = (n_swift - _BEND_FRAMES - 1) * (HOP_SAMPLES / SAMPLE_RATE)
        interpolated = np.floor(last_seconds * sample_rate / hop_length + 0.5).astype(np.int64)
        return np.clip(interpolated, 0, _LevelStream.ready(sample_rate, hop_length, n_samples))

    def push(self, audio: Samples) -> Samples:
        """Append samples (n,), and return f0 (t,) in Hz, 0 where unvoiced, of the frames that are now complete."""
        if not len(audio):
            return np.empty(0, np.float32)
        peaks = self._peaks(audio)
        self._n_in += len(audio)
        scaled = audio / peaks
        self._level.push(scaled)
        self._measure(self._resampler.push(scaled))
        n_out = int(self.ready(self._sample_rate, self._hop_length, np.array(self._n_in)))
        middles = (np.arange(self._n_out, n_out) + 0.5) * (self._hop_length / self._sample_rate)
        self._n_out = n_out
        if not len(middles):
            return np.empty(0, np.float32)
        f0 = resample_contour(self._times, with_its_bends(self._f0), middles)
        voiced = within(f0, SUNG_BOUNDS) & self._level.sounding(len(middles))
        self._forget(n_out)
        return np.array([self._long(hz) for hz in np.where(voiced, f0, 0).tolist()], np.float32)

    def _peaks(self, audio: Samples) -> Samples:
        """Return the reference level (n,) for each sample: the highest peak so far, which decays to the first level."""
        decay = 0.5 ** (np.arange(len(audio) + 1) / (_PEAK_HALF_SECONDS * self._sample_rate))
        levels = np.concatenate([[self._peak], np.abs(audio)]) / decay
        peaks = np.maximum(np.maximum.accumulate(levels) * decay, self._first_peak)[1:]
        self._peak = float(peaks[-1])
        return peaks.astype(np.float32)

    def _measure(self, audio: Samples) -> None:
        """Append samples at SwiftF0's rate, and add the measured pitch to its contour."""
        result = self._swift.push(audio, SAMPLE_RATE)
        f0 = np.where(result.confidence >= VOICED_CONFIDENCE, result.pitch_hz, 0.0)
        self._times = np.concatenate([self._times, result.timestamps])
        self._f0 = np.concatenate([self._f0, f0])

    def _forget(self, n_frames: int) -> None:
        """Drop SwiftF0's frames that are not needed for the frames from `n_frames` on."""
        middle = (n_frames + 0.5) * self._hop_length / self._sample_rate
        first = max(int(np.searchsorted(self._times, middle)) - 1 - _BEND_FRAMES, 0)
        self._times, self._f0 = self._times[first:], self._f0[first:]

    def _long(self, hz: float) -> float:
        """Return the f0 of the next frame, or 0 if the frame is at the beginning of a note outside the bounds."""
        self._note.push(hz)
        is_beyond = not VOICE_BOUNDS.low_hz <= hz <= VOICE_BOUNDS.high_hz
        return 0.0 if is_beyond and self._note.n_frames < self._shortest_frames else hz


class _LevelStream:
    """Detection of frames that are silent relative to the loudest frame so far, as in `framing.on_frames`."""

    def __init__(self, sample_rate: int, hop_length: int) -> None:
        self._hop_length, self._half = hop_length, _half_window(sample_rate)
        self._loudest = USUAL_POWER * 2 * self._half
        self._squares = np.empty(0)
        self._begin = 0  # position of the first held square
        self._n_out = 0

    @staticmethod
    def ready(sample_rate: int, hop_length: int, n_samples: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of frames with known levels after `n_samples` samples."""
        return np.maximum((n_samples - _half_window(sample_rate) - hop_length // 2) // hop_length + 1, 0)

    def push(self, audio: Samples) -> None:
        self._squares = np.concatenate([self._squares, np.square(audio, dtype=np.float64)])

    def sounding(self, n_frames: int) -> NDArray[np.bool_]:
        """Return a mask (n_frames,) of the next frames in which the audio is not silent."""
        result = np.zeros(n_frames, np.bool_)
        for index in range(n_frames):
            middle = round((self._n_out + 0.5) * self._hop_length) - self._begin
            power = float(self._squares[max(middle - self._half, 0) : middle + self._half].sum())
            self._loudest = max(self._loudest, power)
            result[index] = power > self._loudest * db_to_power(SILENT_DB)
            self._n_out += 1
        drop = max(round((self._n_out + 0.5) * self._hop_length) - self._begin - self._half, 0)
        self._squares, self._begin = self._squares[drop:], self._begin + drop
        return result


def _half_window(sample_rate: int) -> int:
    return round(LEVEL_SECONDS / 2 * sample_rate)
