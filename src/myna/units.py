"""Conversions between units of pitch and level, for floats and NumPy arrays; the result for a float is a float."""

from __future__ import annotations

import math
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]
Value = TypeVar("Value", float, FloatArray)

# Slaney's mel scale is linear below 1 kHz, with 200/3 Hz per mel, and logarithmic above 1 kHz, with a factor of 6.4 per
# 27 mels.
_HZ_PER_MEL = 200 / 3
_KNEE_HZ = 1000.0
_KNEE_MEL = _KNEE_HZ / _HZ_PER_MEL
_LOG_STEP = math.log(6.4) / 27

_A4_HZ = 440.0
_A4_NOTE = 69


def semitones_to_ratio(semitones: Value) -> Value:
    """Convert an interval in semitones to a frequency ratio."""
    return _plain(2 ** (semitones / 12), semitones)


def ratio_to_semitones(ratio: Value) -> Value:
    """Convert a frequency ratio to an interval in semitones."""
    return _plain(12 * np.log2(ratio), ratio)


def cents_to_ratio(cents: Value) -> Value:
    """Convert an interval in cents (hundredths of a semitone) to a frequency ratio."""
    return _plain(2 ** (cents / 1200), cents)


def ratio_to_cents(ratio: Value) -> Value:
    """Convert a frequency ratio to an interval in cents (hundredths of a semitone)."""
    return _plain(1200 * np.log2(ratio), ratio)


def note_to_hz(note: Value) -> Value:
    """Convert a MIDI note number, which may be fractional, to a frequency in Hz; 69 is A4, 440 Hz."""
    return _plain(_A4_HZ * 2 ** ((note - _A4_NOTE) / 12), note)


def hz_to_note(hz: Value) -> Value:
    """Convert a frequency in Hz to a fractional MIDI note number; 440 Hz is 69."""
    return _plain(_A4_NOTE + 12 * np.log2(hz / _A4_HZ), hz)


def db_to_amplitude(db: Value) -> Value:
    """Convert a level in dB to an amplitude factor."""
    return _plain(10 ** (db / 20), db)


def db_to_power(db: Value) -> Value:
    """Convert a level in dB to a power factor."""
    return _plain(10 ** (db / 10), db)


def power_to_db(power: Value) -> Value:
    """Convert a power to a level in dB."""
    return _plain(10 * np.log10(power), power)


def hz_to_mel(hz: Value) -> Value:
    """Convert a frequency in Hz to mel on Slaney's scale (Auditory Toolbox, Interval Research 1998-010)."""
    above = _KNEE_MEL + np.log(np.maximum(hz, _KNEE_HZ) / _KNEE_HZ) / _LOG_STEP
    return _plain(np.where(np.less(hz, _KNEE_HZ), hz / _HZ_PER_MEL, above), hz)


def mel_to_hz(mel: Value) -> Value:
    """Convert a mel value on Slaney's scale to a frequency in Hz."""
    above = _KNEE_HZ * np.exp((mel - _KNEE_MEL) * _LOG_STEP)
    return _plain(np.where(np.less(mel, _KNEE_MEL), mel * _HZ_PER_MEL, above), mel)


def hz_to_htk_mel(hz: Value) -> Value:
    """Convert a frequency in Hz to mel on HTK's scale: 2595 log10(1 + f / 700)."""
    return _plain(2595 * np.log10(1 + hz / 700), hz)


def htk_mel_to_hz(mel: Value) -> Value:
    """Convert a mel value on HTK's scale to a frequency in Hz."""
    return _plain(700 * (10 ** (mel / 2595) - 1), mel)


def _plain(value: Any, given: Value) -> Value:
    """Return `value` as an array if `given` is an array, else as a Python float."""
    plain: Any = value if np.ndim(given) else float(value)
    result: Value = plain
    return result
