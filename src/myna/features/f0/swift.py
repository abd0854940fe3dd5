"""SwiftF0 (Nieradzik 2025): a network of 135 kB on a spectrogram, that runs a hundred times faster than the sound."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from myna.audio.resample import resample
from myna.features.contour import Contour, FloatArray
from myna.features.f0.framing import CEILING_HZ, FLOOR_HZ

SAMPLE_RATE = 16000
_HOP_SAMPLES = 256
_BLOCK_SAMPLES = 8 * SAMPLE_RATE  # heard at once: the same pitch as of the whole, in a quarter of the memory
# The package's own boundary is 0.5: of seven recordings 2.5 % of the sung frames were missed then and 0.5 % of the
# others voiced; with this it is 1.6 % and 1.0 %. A hole in a note is heard more than a pitch in a breath.
_VOICED_CONFIDENCE = 0.3
# How much of a bend the window and the steps between frames take away. Without it a vibrato of 5.5 Hz is 4 to 10 % too
# shallow and one of 12 Hz by 22 %; with it all up to 12 Hz are as deep as they were sung, to 7 %.
_LOST_BEND = 0.2
_SHARPEST_BEND = 0.25  # octaves; beyond, it is a jump or an error


def measure_swift(audio: NDArray[np.float32], sample_rate: int, times: FloatArray, device: str) -> Contour:
    from swift_f0 import concat

    audio = np.pad(resample(audio, sample_rate, SAMPLE_RATE), (0, _HOP_SAMPLES))
    stream = _detector().stream(FLOOR_HZ, CEILING_HZ)
    blocks = [audio[start : start + _BLOCK_SAMPLES] for start in range(0, len(audio), _BLOCK_SAMPLES)]
    result = concat([*(stream.push(block, SAMPLE_RATE) for block in blocks), stream.flush()])
    f0 = np.where(result.confidence >= _VOICED_CONFIDENCE, result.pitch_hz, 0.0)
    return Contour(result.timestamps, _with_its_bends(f0))


def _with_its_bends(f0: FloatArray) -> FloatArray:
    """The contour (M,) as it was before a window took the mean of it, to first order in its second difference."""
    pitch = np.log2(np.where(f0 > 0, f0, np.nan))
    bend = np.diff(pitch, n=2, prepend=np.nan, append=np.nan)  # of a frame beside a gap none is known
    return np.asarray(f0 * 2 ** np.where(np.abs(bend) < _SHARPEST_BEND, -_LOST_BEND * bend, 0.0))


@lru_cache(maxsize=1)
def _detector() -> Any:
    from swift_f0 import SwiftF0

    # One thread is as fast as many (0.007 of real time) and leaves the other cores to other clips.
    return SwiftF0(threads=1, spin=False)
