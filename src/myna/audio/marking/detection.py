"""Detection of the mark in any part of a sound, at speeds up to a semitone faster or slower than the original.

The detector correlates the level of each band with the sine of a chip, subtracts the mean over neighbouring bands, and
correlates the rest with the signs of the pattern. The score is this correlation divided by its standard deviation. If
the sound has no mark, the signs are independent of the sound. Then, for any sound, the probability that the score
exceeds t is at most 3.18 times that of a standard normal variable (Bentkus and Dzindzalieta, "A tight Gaussian bound
for weighted sums of Rademacher random variables", 2015). The threshold follows from this bound and the number of
computed scores. The bound holds for stretches up to one period of the pattern. In longer stretches, each sign occurs
several times, so the standard deviation is also measured over all positions.

Correlations are computed for segments of 5 s, at all positions in the pattern. Sums of 2, 4, 8, ... segments find
weaker marks. Longer sums need a more exact speed, which is found by shifting the second half of a sum relative to the
first (the fast folding algorithm: Staelin, "Fast folding algorithm for detection of periodic pulse trains", 1969).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from myna.audio.marking.pattern import CHIP_SECONDS, EDGES_HZ, PERIOD, signs
from myna.audio.reading import rebuffer
from myna.progress import Progress, silent

Samples = NDArray[np.float32]

DETECTION_RATE = 16000  # sample rate of the detector's input, in Hz
FALSE_ALARMS = 1e-4  # largest share of false detections among sounds without a mark
_NORMAL_BOUND = 3.18  # factor of the bound by Bentkus and Dzindzalieta

_FRAMES = 10  # frames per chip
_HOP = round(CHIP_SECONDS * DETECTION_RATE / _FRAMES)
_SIZE = 400  # samples of an analysis window
_FLOOR = 1e-8  # power added to each band, relative to the louder parts of the sound
_NEIGHBOURS = 3  # bands on each side of a band; the mean of all these bands is subtracted from the band
_LEAST_DB = 0.3  # added to the divisor of the changes, so that the changes of a steady sound stay small
# The noise floor of a band is this percentile of its levels. Levels up to _NOISE_DB above the floor count as noise.
_NOISE_PERCENT, _NOISE_DB = 5, np.float32(3)

_PLACES = PERIOD * _FRAMES  # positions in the pattern to try, one per frame
_SEGMENT_CHIPS = 64
_SEGMENT_FRAMES = _SEGMENT_CHIPS * _FRAMES
_SEGMENT_SECONDS = _SEGMENT_CHIPS * CHIP_SECONDS
_PIECE_SEGMENTS = 64  # number of segments in memory; sums contain segments of one such piece only
# With an error of half a step, the length of a segment is wrong by 10 ms, an eighth of a chip.
_SPEED_STEP = 0.004
_SPEEDS = [math.exp(_SPEED_STEP * step) for step in sorted(range(-15, 16), key=abs)]
# The search ends early if a score reaches `_CERTAIN` and the next `_FARTHER` speeds give no higher score.
_CERTAIN, _FARTHER = 10.0, 6
_DRIFT = _SEGMENT_FRAMES * _SPEED_STEP / 2  # shift of the next segment in frames, if the speed is wrong by half a step


@dataclass(frozen=True)
class Detection:
    """Result of a search for the mark: the best correlation with the pattern, its place and its speed."""

    found: bool
    score: float  # correlation in standard deviations
    threshold: float  # smallest score of a mark; a longer sound has more scores, and thus a slightly higher threshold
    chance: float  # upper bound on the share of unmarked sounds of this length with such a score
    speed: float  # speed relative to the sound when it was marked
    start_seconds: float
    end_seconds: float
    seconds: float  # length of the whole sound


class _Match(NamedTuple):
    score: float = 0.0
    speed: float = 1.0
    start_seconds: float = 0.0
    end_seconds: float = 0.0


def detect(
    blocks: Iterable[Samples], progress: Progress = silent, title: str = "sound", pattern: Samples | None = None
) -> Detection:
    """Search a sound for the mark. Memory use does not depend on the length of the sound.

    Args:
        blocks: samples (n,) at `DETECTION_RATE`.
        pattern: signs to search for; by default those of the mark. With other signs, scores of unmarked sounds can be
            measured.
    """
    pattern = signs() if pattern is None else pattern
    best, seconds = _Match(), 0.0
    for piece in rebuffer(iter(blocks), _PIECE_SEGMENTS * _SEGMENT_FRAMES * _HOP):
        power = _power(piece)
        found = _search_all(power, pattern, progress, title)
        if found.score > best.score:
            best = found._replace(start_seconds=seconds + found.start_seconds, end_seconds=seconds + found.end_seconds)
        seconds += len(piece) / DETECTION_RATE
    return Detection(
        found=best.score >= threshold(seconds),
        score=best.score,
        threshold=threshold(seconds),
        chance=min(_n_tries(seconds) * _NORMAL_BOUND * math.erfc(best.score / math.sqrt(2)) / 2, 1.0),
        speed=best.speed,
        start_seconds=best.start_seconds,
        end_seconds=min(best.end_seconds, seconds),
        seconds=seconds,
    )


def threshold(seconds: float) -> float:
    """Return the score that unmarked sounds of this length reach with a probability of at most `FALSE_ALARMS`."""
    return -NormalDist().inv_cdf(FALSE_ALARMS / _NORMAL_BOUND / _n_tries(seconds))


def _n_tries(seconds: float) -> int:
    """Return the number of scores computed for a sound."""
    n_segments = max(math.ceil(seconds / _SEGMENT_SECONDS), 1)
    n_pieces, rest = divmod(n_segments, _PIECE_SEGMENTS)
    n_sums = n_pieces * _n_sums(_PIECE_SEGMENTS) + _n_sums(rest)
    return len(_SPEEDS) * _PLACES * n_sums


def _n_sums(n_segments: int) -> int:
    """Return the number of sums of segments and drifts that `_added` yields."""
    total, size = n_segments, 1
    while size < n_segments:
        size *= 2
        total += math.ceil(n_segments / size) * (2 * _most_drift(size) + 1)
    return total


def _most_drift(n_segments: int) -> int:
    """Return the largest drift of a sum of segments, in frames."""
    return math.ceil(_DRIFT * n_segments)


def _power(audio: Samples) -> Samples:
    """Return the power spectra of overlapping windows, (frames, frequencies)."""
    audio = np.pad(audio, (0, max(_SIZE - len(audio), 0)))
    window = np.hanning(_SIZE + 1)[:-1].astype(np.float32)
    return np.square(np.abs(np.fft.rfft(sliding_window_view(audio, _SIZE)[::_HOP] * window))).astype(np.float32)


def _search_all(power: Samples, pattern: Samples, progress: Progress, title: str) -> _Match:
    """Return the best match at all speeds."""
    best, since_best = _Match(), 0
    for speed in progress(_SPEEDS, title=title, unit=" speeds"):
        found, since_best = _search(power, speed, pattern), since_best + 1
        if found.score > best.score:
            best, since_best = found, 0
        if best.score >= _CERTAIN and since_best >= _FARTHER:
            break
    return best


def _search(power: Samples, speed: float, pattern: Samples) -> _Match:
    """Return the best match near one speed, over all places and all sums of segments."""
    best = _Match()
    for n_segments, sums, variances in _added(*_correlate(_level_changes(power, speed), pattern)):
        scores = _scores(sums, variances)
        n, drift = np.unravel_index(int(np.argmax(scores)), scores.shape)
        if scores[n, drift] > best.score:
            seconds = n_segments * _SEGMENT_SECONDS / speed
            exact = speed * (1 + (int(drift) - scores.shape[1] // 2) / (n_segments * _SEGMENT_FRAMES))
            best = _Match(float(scores[n, drift]), exact, int(n) * seconds, (int(n) + 1) * seconds)
    return best


def _level_changes(power: Samples, speed: float) -> Samples:
    """Correlate the level of each band with one period of a sine that begins at each frame, (frames, bands).

    Frames are counted at the original speed of the sound. From each correlation, the mean over neighbouring bands is
    subtracted. The result is divided by its mean magnitude, and set to 0 where noise hides the mark.
    """
    frames = np.rint(np.arange(0, len(power) - 0.5, 1 / speed)).astype(int)
    bands = power[frames] @ _pooling(speed)
    floor = _FLOOR * np.percentile(bands.mean(axis=1), 95) + 1e-30
    levels = 10 * np.log10(bands + np.float32(floor))
    changes = _filtered(levels, np.sin(2 * np.pi * (np.arange(_FRAMES) + 0.5) / _FRAMES) * 2 / _FRAMES)
    changes -= _mean_over_bands(changes, _NEIGHBOURS)
    # A large change, for example at a consonant, must not dominate many small changes.
    changes /= _mean_over_bands(np.abs(changes), 1) + np.float32(_LEAST_DB)
    mean_levels = _filtered(levels, np.full(_FRAMES, 1 / _FRAMES))
    return changes * _audible_share(mean_levels) if len(changes) else changes


def _filtered(levels: Samples, weights: NDArray[np.float64]) -> Samples:
    """Return for each frame the weighted sum of this frame and the frames after it, (frames, bands)."""
    n_frames = max(len(levels) - len(weights) + 1, 0)
    sums = np.zeros((n_frames, levels.shape[1]), np.float32)
    for frame, weight in enumerate(weights.astype(np.float32)):
        sums += weight * levels[frame : frame + n_frames]
    return sums


def _audible_share(levels: Samples) -> Samples:
    """Return weights from 0 to 1, (frames, bands): 0 in the noise of a band, where the mark is lost."""
    noise = np.percentile(levels, _NOISE_PERCENT, axis=0)
    shares: Samples = np.clip((levels - noise.astype(np.float32) - _NOISE_DB) / (2 * _NOISE_DB), 0, 1)
    return shares


def _pooling(speed: float) -> Samples:
    """Return the share of each frequency's power in each band at a playback speed, (frequencies, bands)."""
    frequencies = np.fft.rfftfreq(_SIZE, 1 / DETECTION_RATE)
    edges, half = EDGES_HZ * speed, frequencies[1] / 2
    upper = np.minimum(frequencies[:, None] + half, edges[1:])
    lower = np.maximum(frequencies[:, None] - half, edges[:-1])
    shares: Samples = (np.maximum(upper - lower, 0) / (2 * half)).astype(np.float32)
    return shares


def _mean_over_bands(values: Samples, reach: int) -> Samples:
    """Return for each value the mean over the bands up to `reach` bands away, (frames, bands)."""
    padded = np.pad(values, ((0, 0), (reach + 1, reach)), mode="reflect")
    padded[:, 0] = 0
    sums = np.cumsum(padded, axis=1)
    return (sums[:, 2 * reach + 1 :] - sums[:, : -2 * reach - 1]) / np.float32(2 * reach + 1)


def _correlate(changes: Samples, pattern: Samples) -> tuple[Samples, Samples]:
    """Correlate each segment with the pattern at all places.

    Returns:
        Correlations (segments, places), and upper bounds of their variances (segments,). A place is the position of the
        sound's beginning in the pattern, in frames. The bounds are valid if the signs are independent of the sound.
    """
    n_segments = max(-(-len(changes) // _SEGMENT_FRAMES), 1)
    padded = np.pad(changes, ((0, n_segments * _SEGMENT_FRAMES - len(changes)), (0, 0)))
    # (segments, frames in a chip, chips, bands)
    chips = padded.reshape(n_segments, _SEGMENT_CHIPS, _FRAMES, -1).swapaxes(1, 2)
    spectra = np.einsum("sfcb,cb->sfc", np.fft.rfft(chips, PERIOD, axis=2).conj(), np.fft.rfft(pattern, axis=0))
    by_chip = np.fft.irfft(spectra, PERIOD, axis=2).astype(np.float32)
    # A chip that begins in frame f is chip c of the pattern if the segment begins at the place 10 c - f.
    segment, frame, chip = np.ogrid[:n_segments, :_FRAMES, :PERIOD]
    place = (chip * _FRAMES - frame - segment * _SEGMENT_FRAMES) % _PLACES
    correlations = np.empty((n_segments, _PLACES), np.float32)
    np.put_along_axis(correlations, place.reshape(n_segments, -1), by_chip.reshape(n_segments, -1), axis=1)
    return correlations, np.square(chips).sum(axis=(2, 3)).max(axis=1)


def _added(correlations: Samples, variances: Samples) -> Iterator[tuple[int, Samples, Samples]]:
    """Yield sums of the correlations of n consecutive segments, for n = 1, 2, 4, ...

    Each item is n, the sums (sums, drifts, places) and their variances (sums,). If the speed is not exact, the place of
    the mark changes from segment to segment. A drift is this change from the beginning to the end of a sum, in frames;
    all drifts up to `_most_drift(n)` are tried. The drift in the middle of the axis is 0.
    """
    missing = (1 << (len(correlations) - 1).bit_length()) - len(correlations)
    sums, variances = np.pad(correlations, ((0, missing), (0, 0)))[:, None], np.pad(variances, (0, missing))
    n_segments, most = 1, 0
    yield n_segments, sums, variances
    while len(sums) > 1:
        n_segments, most_before = 2 * n_segments, most
        most = _most_drift(n_segments)
        drifts = np.arange(-most, most + 1)
        halves = np.clip(drifts // 2, -most_before, most_before)
        first, second = sums[0::2], sums[1::2]
        sums = np.stack(
            [
                first[:, half + most_before] + np.roll(second[:, half + most_before], half - drift, axis=-1)
                for half, drift in zip(halves, drifts, strict=True)
            ],
            axis=1,
        )
        variances = variances[0::2] + variances[1::2]
        yield n_segments, sums, variances


def _scores(sums: Samples, variances: Samples) -> Samples:
    """Return for each sum the highest score over all places, (sums, drifts).

    A score is the sum divided by its standard deviation. The variance is the given bound or, if it is larger, the
    variance measured over all places. The measured variance is larger if the sound repeats with the period of the
    pattern, as music may: then equal signs multiply equal sounds.
    """
    best = sums.argmax(axis=-1, keepdims=True)
    near = (best + np.arange(-_FRAMES, _FRAMES + 1)) % _PLACES  # a mark would be here; exclude it from the variance
    far = np.square(sums).sum(axis=-1) - np.square(np.take_along_axis(sums, near, axis=-1)).sum(axis=-1)
    variance = np.maximum(far / (_PLACES - near.shape[-1]), variances[:, None])
    scores: Samples = sums.max(axis=-1) / np.sqrt(np.maximum(variance, 1e-20))
    return scores
