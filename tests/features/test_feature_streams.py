"""Features of a stream equal those of the whole recording, in blocks of any size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from myna.audio.resample import ResampledStream, resample
from myna.config import VOICE_BOUNDS
from myna.features.contour import NoteAtBound, into_bounds
from myna.features.f0 import F0_ESTIMATORS
from myna.features.f0.stream import PitchStream, StreamMethod
from myna.features.loudness import LoudnessStream, loudness

RATE, HOP = 44100, 512
BLOCKS = [100, 882, 16317, "random"]


def singing(seconds: float = 4.0) -> np.ndarray:
    """A vibrato with harmonics, a rest, and a glide; loud parts have a peak of 0.5."""
    time = np.arange(round(seconds * RATE)) / RATE
    hz = 220 * 2 ** (np.sin(2 * np.pi * 5.5 * time) / 24 + np.clip(time - 2, 0, 1))
    phase = 2 * np.pi * np.cumsum(hz) / RATE
    tone = sum(np.sin(k * phase) / k for k in range(1, 20))
    tone *= np.clip(np.abs(time - 1.6) * 20 - 4, 0, 1)
    noise = 1e-3 * np.random.default_rng(0).standard_normal(len(time))
    audio = (0.5 * tone / np.abs(tone).max() + noise) * np.clip(time / 0.02, 0, 1)
    return (audio - audio.mean()).astype(np.float32)


def streamed(push: Callable[[np.ndarray], np.ndarray], audio: np.ndarray, block: int | str) -> tuple[np.ndarray, list]:
    """Push the audio in blocks, and return the joined results and the numbers (samples in, results out)."""
    random, results, counts, start = np.random.default_rng(1), [], [], 0
    while start < len(audio):
        size = int(random.integers(0, 3000)) if isinstance(block, str) else block
        results.append(push(audio[start : start + size]))
        start = min(start + size, len(audio))
        counts.append((start, sum(map(len, results))))
    return np.concatenate(results), counts


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("rate", [22050, 32000, 44100, 48000])
def test_a_resampled_stream_equals_the_resampled_recording(rate: int, block: int | str) -> None:
    audio = np.pad(singing(1.0), (300, 0))  # the first three samples of an abrupt beginning differ
    stream = ResampledStream(rate, 16000)
    result, counts = streamed(stream.push, audio, block)
    np.testing.assert_allclose(result, resample(audio, rate, 16000)[: len(result)], atol=1e-6)
    for n_in, n_out in counts:
        assert n_out == ResampledStream.ready(rate, 16000, np.array(n_in))
    assert len(result) / 16000 > len(audio) / rate - 0.0066


@pytest.mark.parametrize("block", BLOCKS)
def test_loudness_of_a_stream_equals_that_of_the_recording(block: int | str) -> None:
    audio = singing(1.0)
    result, counts = streamed(LoudnessStream(HOP).push, audio, block)
    whole = loudness(audio, HOP)
    np.testing.assert_array_equal(result[: len(whole)], whole[: len(result)])
    for n_in, n_out in counts:
        assert n_out == LoudnessStream.ready(HOP, np.array(n_in))


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(("method", "look_ahead_seconds"), [("swift", 0.176), ("live", 0.028)])
def test_f0_of_a_stream_equals_that_of_the_recording(
    method: StreamMethod, look_ahead_seconds: float, block: int | str
) -> None:
    audio = singing()
    stream = PitchStream(RATE, HOP, peak=0.8, method=method)
    result, counts = streamed(stream.push, audio, block)
    whole = F0_ESTIMATORS[method](audio, RATE, HOP, peak=0.8)
    assert 0.3 < np.mean(whole > 0) < 1
    np.testing.assert_allclose(result, whole[: len(result)], rtol=1e-6)
    for n_in, n_out in counts:
        assert n_out == stream.ready(np.array(n_in))
    # The resampler takes 6 ms, a step of the estimator up to 16 ms, and a frame 12 ms.
    assert len(result) * HOP > len(audio) - (look_ahead_seconds + 0.04) * RATE


def test_a_note_beyond_the_bounds_is_moved_as_in_a_recording() -> None:
    contour = np.array([300.0, 800, 1000, 1200, 1500, 1050, 400, 0, 60, 45, 40, 0, 200])
    note, moved = NoteAtBound(VOICE_BOUNDS), []
    for hz in contour.tolist():
        note.push(hz)
        moved.append(hz * 2.0**note.octaves)
    assert into_bounds(contour, VOICE_BOUNDS).tolist() == [300, 800, 500, 600, 750, 525, 400, 0, 60, 90, 80, 0, 200]
    assert moved == [300, 800, 1000, 600, 750, 525, 400, 0, 60, 90, 80, 0, 200], "only the onset differs"


def test_a_short_note_beyond_the_bounds_is_unvoiced() -> None:
    """A whistle of 60 ms and one of 0.5 s, both at 1500 Hz; the first 0.1 s of the long one is unvoiced too."""
    time = np.arange(2 * RATE) / RATE
    within = ((time > 0.3) & (time < 0.36)) | ((time > 0.8) & (time < 1.3))
    audio = (0.3 * np.sin(2 * np.pi * 1500 * time) * within).astype(np.float32)
    f0 = PitchStream(RATE, HOP).push(audio)
    whole = F0_ESTIMATORS["swift"](audio, RATE, HOP, peak=0.3)[: len(f0)]
    frames = RATE / HOP
    assert not f0[: round(0.85 * frames)].any()
    assert 0.35 < (f0 > 0).sum() / frames < (whole > 0).sum() / frames - 0.08
