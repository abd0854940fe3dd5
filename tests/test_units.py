"""Known values of unit conversions, and each is the inverse of its counterpart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from myna import units

KNOWN: list[tuple[Callable[[Any], Any], float, float]] = [
    (units.semitones_to_ratio, 12, 2),
    (units.ratio_to_semitones, 0.5, -12),
    (units.cents_to_ratio, -1200, 0.5),
    (units.ratio_to_cents, 2, 1200),
    (units.note_to_hz, 57, 220),
    (units.hz_to_note, 880, 81),
    (units.db_to_amplitude, -20, 0.1),
    (units.db_to_power, 20, 100),
    (units.power_to_db, 0.001, -30),
    (units.hz_to_mel, 1000, 15),
    (units.hz_to_mel, 6400, 42),
    (units.mel_to_hz, 3, 200),
    (units.hz_to_htk_mel, 6300, 2595),
    (units.htk_mel_to_hz, 0, 0),
]


@pytest.mark.parametrize(("convert", "value", "expected"), KNOWN)
def test_known_values_as_a_float_and_in_an_array(convert: Callable[[Any], Any], value: float, expected: float) -> None:
    assert convert(value) == pytest.approx(expected) and type(convert(value)) is float
    np.testing.assert_allclose(convert(np.full((2, 3), value, np.float64)), np.full((2, 3), expected), atol=1e-12)


@pytest.mark.parametrize(
    ("convert", "back"),
    [
        (units.ratio_to_semitones, units.semitones_to_ratio),
        (units.ratio_to_cents, units.cents_to_ratio),
        (units.hz_to_note, units.note_to_hz),
        (units.power_to_db, units.db_to_power),
        (units.hz_to_mel, units.mel_to_hz),
        (units.hz_to_htk_mel, units.htk_mel_to_hz),
    ],
)
def test_conversions_are_inverse(convert: Callable[[Any], Any], back: Callable[[Any], Any]) -> None:
    values = np.array([0.1, 3.7, 200.0, 999.999, 1000.0, 6400.0, 22050.0])
    np.testing.assert_allclose(back(convert(values)), values)
    np.testing.assert_array_equal(convert(values), [convert(float(value)) for value in values])
