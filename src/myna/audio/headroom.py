"""Gain that keeps a whole result within full scale, beyond which a player would clip it."""

from __future__ import annotations

from myna.units import db_to_amplitude, power_to_db

# Peak of a conversion that would be louder. The margin keeps samples that are rounded to 16 bits below full scale.
CONVERSION_CEILING = db_to_amplitude(-0.1)


def fitting_gain(peak: float, ceiling: float = 1.0) -> float:
    """Return the gain, at most 1, that brings a sound with this peak down to at most `ceiling`."""
    # The reduction by one step of float32 keeps rounding from raising the peak above the ceiling.
    return 1.0 if peak <= ceiling else ceiling / peak * (1 - 2**-23)


def attenuation_db(gain: float) -> float:
    """Return by how many dB a gain turns a sound down."""
    return max(-power_to_db(gain**2), 0.0)
