"""f0 estimation for a stream: by SwiftF0, or with less look-ahead by myna's own estimator."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from myna.audio.resample import ResampledStream
from myna.config import VOICE_BOUNDS
from myna.features.contour import Contour, FloatArray, NoteAtBound, resample_contour
from myna.features.f0 import live, swift
from myna.features.f0.framing import (
    LEVEL_SECONDS,
    SHORTEST_NOTE_SECONDS,
    SILENT_DB,
    SUNG_BOUNDS,
    USUAL_POWER,
    Samples,
    within,
)
from myna.units import db_to_power

StreamMethod = Literal["swift", "live"]
_RATE = 16000  # sample rate of both estimators

FIRST_PEAK = 0.1  # reference level until louder samples arrive: -20 dB relative to full scale
_PEAK_HALF_SECONDS = 10.0  # half-life of the peak, so that a knock on the microphone has no lasting effect
_SWIFT_AHEAD_FRAMES = 10  # in SwiftF0, a frame is final when the ten frames after it are complete


class _Tracker(Protocol):
    """Estimator of a contour of a stream at `_RATE`."""

    frame_seconds: float
    n_beside: int  # number of frames on either side that `corrected` needs

    def ready(self, n_samples: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of frames that `push` has returned after `n_samples` samples."""
        ...

    def push(self, audio: Samples) -> Contour:
        """Append samples (n,), and return the frames that are now complete."""
        ...

    def corrected(self, f0: FloatArray) -> FloatArray: ...


class _Swift:
    frame_seconds, n_beside = swift.HOP_SAMPLES / _RATE, 1

    def __init__(self) -> None:
        self._stream = swift.swift_stream(SUNG_BOUNDS)

    def ready(self, n_samples: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.maximum(n_samples // swift.HOP_SAMPLES - _SWIFT_AHEAD_FRAMES, 0)

    def push(self, audio: Samples) -> Contour:
        result = self._stream.push(audio, _RATE)
        f0 = np.where(result.confidence >= swift.VOICED_CONFIDENCE, result.pitch_hz, 0.0)
        return Contour(result.timestamps, f0)

    def corrected(self, f0: FloatArray) -> FloatArray:
        return swift.with_its_bends(f0)


class _Live:
    frame_seconds, n_beside = live.HOP_SAMPLES / _RATE, 0

    def __init__(self) -> None:
        self._stream = live.LivePitchStream(live.load_pitch_network())
        self._n_frames = 0

    def ready(self, n_samples: NDArray[np.int64]) -> NDArray[np.int64]:
        return live.LivePitchStream.ready(n_samples)

    def push(self, audio: Samples) -> Contour:
        f0 = self._stream.push(torch.from_numpy(audio))
        times = (self._n_frames + np.arange(len(f0))) * self.frame_seconds
        self._n_frames += len(f0)
        return Contour(times, f0)

    def corrected(self, f0: FloatArray) -> FloatArray:
        return f0


_TRACKERS: dict[StreamMethod, type[_Swift | _Live]] = {"swift": _Swift, "live": _Live}


class PitchStream:
    """Estimator of f0 at the centres of frames for a stream, like `F0_ESTIMATORS[method]`.

    It differs from this estimator, applied to the whole recording, in three points:

    - Levels are relative to the highest peak so far, which decays. Silence is relative to the loudest frame so far.
    - A note outside the bounds of voices is unvoiced until it has lasted `SHORTEST_NOTE_SECONDS`. In a recording, it is
      unvoiced only if it is shorter than this.
    - The mean is not subtracted.
    """

    def __init__(
        self, sample_rate: int, hop_length: int, peak: float = FIRST_PEAK, method: StreamMethod = "swift"
    ) -> None:
        self._sample_rate, self._hop_length = sample_rate, hop_length
        self._peak = self._first_peak = peak
        self._resampler = ResampledStream(sample_rate, _RATE)
        self._tracker: _Tracker = _TRACKERS[method]()
        self._times, self._f0 = np.empty((2, 0))  # the last frames of the tracker
        self._n_in = self._n_out = 0  # numbers of received samples and of returned frames
        self._level = _LevelStream(sample_rate, hop_length)
        self._note = NoteAtBound(VOICE_BOUNDS)
        self._shortest_frames = SHORTEST_NOTE_SECONDS * sample_rate / hop_length

    def ready(self, n_samples: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of frames that `push` has returned after `n_samples` samples."""
        rate, hop, tracker = self._sample_rate, self._hop_length, self._tracker
        n_tracked = tracker.ready(ResampledStream.ready(rate, _RATE, n_samples))
        last_seconds = (n_tracked - tracker.n_beside - 1) * tracker.frame_seconds
        interpolated = np.floor(last_seconds * rate / hop + 0.5).astype(np.int64)
        return np.clip(interpolated, 0, _LevelStream.ready(rate, hop, n_samples))

    def push(self, audio: Samples) -> Samples:
        """Append samples (n,), and return f0 (t,) in Hz, 0 where unvoiced, of the frames that are now complete."""
        if not len(audio):
            return np.empty(0, np.float32)
        peaks = self._peaks(audio)
        self._n_in += len(audio)
        scaled = audio / peaks
        self._level.push(scaled)
        self._measure(self._resampler.push(scaled))
        n_out = int(self.ready(np.array(self._n_in)))
        middles = (np.arange(self._n_out, n_out) + 0.5) * (self._hop_length / self._sample_rate)
        self._n_out = n_out
        if not len(middles):
            return np.empty(0, np.float32)
        f0 = resample_contour(self._times, self._tracker.corrected(self._f0), middles)
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
        """Append samples at `_RATE`, and add the measured pitch to the contour."""
        contour = self._tracker.push(audio)
        self._times = np.concatenate([self._times, contour.times])
        self._f0 = np.concatenate([self._f0, contour.f0])

    def _forget(self, n_frames: int) -> None:
        """Drop the tracker's frames that are not needed for the frames from `n_frames` on."""
        middle = (n_frames + 0.5) * self._hop_length / self._sample_rate
        first = max(int(np.searchsorted(self._times, middle)) - 1 - self._tracker.n_beside, 0)
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
