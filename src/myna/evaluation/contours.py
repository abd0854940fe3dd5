"""Frame-by-frame comparison of a conversion with its source: pitch, voicing and loudness.

Contours are (T,) arrays with the same frame rate; the longer one is truncated.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from myna.units import ratio_to_cents

Contour = NDArray[np.floating]

CLOSE_CENTS = 50.0  # a quarter tone, mir_eval's tolerance for a correct pitch
# Level relative to the loudest frame. Quieter frames get this level, so that the noise floor does not affect the score.
_SILENCE_DB = -60.0


def cents_between(source_f0: Contour, converted_f0: Contour) -> Contour:
    """Pitch difference (T,) in cents, conversion minus source; NaN in frames in which either is unvoiced."""
    n_frames = min(len(source_f0), len(converted_f0))
    source, converted = source_f0[:n_frames], converted_f0[:n_frames]
    both = (source > 0) & (converted > 0)
    ratio = np.divide(converted, source, out=np.full(n_frames, np.nan), where=both)
    return np.asarray(ratio_to_cents(ratio))


def find_transpose(source_f0: Contour, converted_f0: Contour) -> float:
    """Median pitch shift from source to conversion, rounded to whole semitones; 0 if no frame is voiced in both."""
    cents = cents_between(source_f0, converted_f0)
    cents = cents[~np.isnan(cents)]
    return float(round(float(np.median(cents)) / 100)) if len(cents) else 0.0


def compare_pitch(source_f0: Contour, converted_f0: Contour, transpose: float) -> dict[str, float]:
    """Return the pitch measures, by name, of a conversion that should be `transpose` semitones above its source.

    Undefined measures are omitted, for example if no frame is voiced in both contours or if either contour is constant.
    """
    n_frames = min(len(source_f0), len(converted_f0))
    source, converted = source_f0[:n_frames], converted_f0[:n_frames]
    if not n_frames:
        return {}
    scores = {"voicing_error": float(np.mean((source > 0) != (converted > 0)))}
    both = (source > 0) & (converted > 0)
    if both.any():
        deviation = cents_between(source, converted)[both] - 100 * transpose
        scores["f0_rmse_cents"] = float(np.sqrt(np.mean(np.square(deviation))))
        scores["f0_close"] = float(np.mean(np.abs(deviation) <= CLOSE_CENTS))
    return scores | _named("f0_correlation", correlation(source[both], converted[both]))


def compare_loudness(source_db: Contour, converted_db: Contour) -> dict[str, float]:
    """Return the correlation of two loudness contours in dB, by name; no entry if either is empty or constant."""
    n_frames = min(len(source_db), len(converted_db))
    if not n_frames:
        return {}
    source, converted = (
        np.maximum(contour[:n_frames], contour[:n_frames].max() + _SILENCE_DB) for contour in (source_db, converted_db)
    )
    return _named("loudness_correlation", correlation(source, converted))


def correlation(one: Contour, other: Contour) -> float | None:
    """Pearson correlation coefficient; None if it is undefined."""
    if len(one) < 2:
        return None
    one, other = one - np.mean(one), other - np.mean(other)
    scale = math.sqrt(float(one @ one) * float(other @ other))
    # A steady tone varies only by rounding errors, which must not be correlated. The limit exceeds the rounding errors
    # of a tone of 100 Hz over one second.
    return float(one @ other) / scale if scale > 1e-6 else None


def _named(name: str, value: float | None) -> dict[str, float]:
    return {} if value is None else {name: value}
