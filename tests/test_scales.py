"""Keys as people write them."""

from __future__ import annotations

import pytest

from myna.errors import ConfigError
from myna.scales import Autotune, Scale


@pytest.mark.parametrize(
    ("text", "name", "pitch_classes"),
    [
        ("C", "C", (0, 2, 4, 5, 7, 9, 11)),
        ("am", "Am", (0, 2, 4, 5, 7, 9, 11)),
        ("A minor", "Am", (0, 2, 4, 5, 7, 9, 11)),
        ("F#m", "F#m", (1, 2, 4, 6, 8, 9, 11)),
        ("G♭", "F#", (1, 3, 5, 6, 8, 10, 11)),
        ("bb", "Bb", (0, 2, 3, 5, 7, 9, 10)),
        ("B", "B", (1, 3, 4, 6, 8, 10, 11)),
        ("Cb major", "B", (1, 3, 4, 6, 8, 10, 11)),
        ("Chromatic", "chromatic", tuple(range(12))),
    ],
)
def test_a_key_has_seven_pitch_classes(text: str, name: str, pitch_classes: tuple[int, ...]) -> None:
    assert Scale.parse(text) == Scale(name, pitch_classes)


@pytest.mark.parametrize("text", ["", "H", "Amin7", "C##", "auto", "7", "A" * 10_000])
def test_what_is_no_key_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a key; use for example C, Am"):
        Scale.parse(text)


@pytest.mark.parametrize(
    ("note", "nearest"), [(69.0, 69), (69.4, 69), (68.2, 69), (67.8, 67), (66.0, 65), (70.0, 69), (0.3, 0)]
)
def test_the_nearest_note_of_a_minor(note: float, nearest: int) -> None:
    assert Scale.parse("Am").nearest(note) == nearest


def test_autotune_has_a_key_and_a_strength() -> None:
    assert Autotune.parse("Bb:0.8") == Autotune(Scale.parse("Bb"), 0.8)
    assert Autotune.parse("auto") == Autotune(None, 1.0)
    assert Autotune.parse("chromatic:1") == Autotune(Scale.parse("chromatic"), 1.0)


@pytest.mark.parametrize("text", ["C:", "C:2", "C:-0.1", "C:nan", "C:strong"])
def test_a_strength_is_from_0_to_1(text: str) -> None:
    with pytest.raises(ConfigError, match=r"must be a number from 0 to 1, as in Am:0\.8"):
        Autotune.parse(text)
