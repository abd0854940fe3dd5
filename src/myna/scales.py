"""Musical keys, and the value of `--autotune`.

This module does not import NumPy, because the command line uses it to check flags.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from myna.errors import ConfigError

NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")  # pitch classes, from 0
_NATURALS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ACCIDENTALS = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}
_MAJOR, _NATURAL_MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
_KEY = re.compile(r"([A-Ga-g])([#♯b♭]?) ?(?:(m|min|minor)|M|maj|major)?")

_AUTO = "auto"
CHROMATIC = "chromatic"


@dataclass(frozen=True)
class Scale:
    """The pitch classes of a key."""

    name: str  # for example "F#m"
    pitch_classes: tuple[int, ...]  # 0 is C, 11 is B

    @classmethod
    def of(cls, tonic: int, is_minor: bool) -> Self:
        """Return the major or natural minor scale on a pitch class."""
        steps = _NATURAL_MINOR if is_minor else _MAJOR
        return cls(f"{NAMES[tonic]}{'m' if is_minor else ''}", tuple(sorted((tonic + step) % 12 for step in steps)))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse "C", "F#", "Bbm", "A minor" or "chromatic".

        Raises:
            ConfigError: the text is not a key.
        """
        if text.strip().lower() == CHROMATIC:
            return cls(CHROMATIC, tuple(range(12)))
        match = _KEY.fullmatch(text.strip())
        if match is None:
            raise ConfigError(f"{text!r:.40} is not a key; use for example C, Am, F#m, Bb or chromatic")
        letter, accidental, minor = match.groups()
        return cls.of((_NATURALS[letter.upper()] + _ACCIDENTALS[accidental]) % 12, minor is not None)

    def nearest(self, note: float) -> int:
        """Return the note of the scale nearest to a MIDI note number; of two equally near ones, the lower one."""
        around = range(int(note) - 6, int(note) + 8)
        return min((one for one in around if one % 12 in self.pitch_classes), key=lambda one: (abs(one - note), one))


@dataclass(frozen=True)
class Autotune:
    """The value of `--autotune`: a key, and the share of the distance by which notes move to it."""

    scale: Scale | None  # None estimates the key of the song
    strength: float = 1.0  # 0 keeps the notes, 1 moves them onto the notes of the key

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse KEY or KEY:STRENGTH, where KEY is a key, "chromatic" or "auto", and STRENGTH is from 0 to 1.

        Raises:
            ConfigError: the text has a different form.
        """
        key, colon, given = text.partition(":")
        try:
            strength = float(given) if colon else 1.0
        except ValueError:
            strength = -1.0
        if not 0 <= strength <= 1:
            raise ConfigError(f"the strength of autotune is {given!r}; it must be a number from 0 to 1, as in Am:0.8")
        return cls(None if key.strip().lower() == _AUTO else Scale.parse(key), strength)
