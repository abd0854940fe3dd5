"""Median of three estimators, which removes the octave errors of a single estimator."""

from __future__ import annotations

import numpy as np

from myna.config import PitchBounds
from myna.features.f0.framing import SUNG_BOUNDS, Estimator, Samples


def median_of(first: Estimator, second: Estimator, third: Estimator) -> Estimator:
    """Combine three estimators: a frame is voiced if it is voiced in at least two of them.

    The pitch is the median of the three. If only two estimators are voiced in a frame, the one that comes first in the
    arguments gives the pitch.
    """

    def estimate(
        audio: Samples,
        sample_rate: int,
        hop_length: int,
        device: str = "cpu",
        *,
        peak: float | None = None,
        bounds: PitchBounds = SUNG_BOUNDS,
    ) -> Samples:
        contours = np.stack(
            [one(audio, sample_rate, hop_length, device, peak=peak, bounds=bounds) for one in (first, second, third)]
        )
        voiced = contours > 0
        earliest = np.take_along_axis(contours, voiced.argmax(axis=0)[None], axis=0)[0]
        f0 = np.where(voiced.all(axis=0), np.median(contours, axis=0), earliest)
        return np.where(voiced.sum(axis=0) >= 2, f0, 0).astype(np.float32)

    return estimate
