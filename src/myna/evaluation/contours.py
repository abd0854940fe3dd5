"""Does the conversion follow its source: pitch, voicing and loudness, frame against frame.

Contours are (T,) arrays on the same frames; where one is longer, its end is not compared.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Contour = NDArray[np.floating]

CLOSE_CENTS = 50.0  # a quarter tone: mir_eval's limit for a pitch that counts as right
# What is quieter than this, below the loudest moment, counts as silence: the noise floor of a take is no expression.
_SILENCE_DB = -60.0


def cents_between(source_f0: Contour, converted_f0: Contour) -> Contour:
    """How far the conversion sings above its source (T,), in cents; NaN where not both are voiced."""
    n_frames = min(len(source_f0), len(converted_f0))
    source, converted = source_f0[:n_frames], converted_f0[:n_frames]
    both = (source > 0) & (converted > 0)
    ratio = np.divide(converted, source, out=np.full(n_frames, np.nan), where=both)
    return np.asarray(1200 * np.log2(ratio))


def find_transpose(source_f0: Contour, converted_f0: Contour) -> float:
    """The constant shift of the conversion in whole semitones: its median, 0 where nothing is voiced in both."""
    cents = cents_between(source_f0, converted_f0)
    cents = cents[~np.isnan(cents)]
    return float(round(float(np.median(cents)) / 100)) if len(cents) else 0.0


def compare_pitch(source_f0: Contour, converted_f0: Contour, transpose: float) -> dict[str, float]:
    """Measures of pitch by name, of a conversion that was meant to sing `transpose` semitones above its source.

    A measure is absent where it has no meaning: nothing is voiced in both, or one pitch never moves.
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
    """Correlation of two loudness contours in dB; absent where one of them is constant."""
    n_frames = min(len(source_db), len(converted_db))
    if not n_frames:
        return {}
    source, converted = (
        np.maximum(contour[:n_frames], contour[:n_frames].max() + _SILENCE_DB) for contour in (source_db, converted_db)
    )
    return _named("loudness_correlation", correlation(source, converted))


def correlation(one: Contour, other: Contour) -> float | None:
    """Pearson's r; None where it is not defined."""
    if len(one) < 2:
        return None
    one, other = one - np.mean(one), other - np.mean(other)
    scale = math.sqrt(float(one @ one) * float(other @ other))
    # A steady tone's own rounding errors are no contour: 1e-6 of 100 Hz over a second.
    return float(one @ other) / scale if scale > 1e-6 else None


def _named(name: str, value: float | None) -> dict[str, float]:
    return {} if value is None else {name: value}
