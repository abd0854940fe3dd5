"""Gain that keeps a result within full scale, so that players do not clip it."""

from __future__ import annotations

from myna.units import db_to_amplitude, power_to_db

# Highest peak of a conversion; louder ones are attenuated. The margin keeps samples rounded to 16 bits below full
# scale.
CONVERSION_CEILING = db_to_amplitude(-0.1)


def fitting_gain(peak: float, ceiling: float = 1.0) -> float:
    """Return the largest gain, at most 1, with which a sound with this peak stays within `ceiling`."""
    # One step of float32 less, so that rounding cannot raise the peak above the ceiling.
    return 1.0 if peak <= ceiling else ceiling / peak * (1 - 2**-23)


def attenuation_db(gain: float) -> float:
    """Convert a gain of at most 1 to an attenuation in dB."""
    return max(-power_to_db(gain**2), 0.0)
