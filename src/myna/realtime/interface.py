"""Interfaces of live conversion: a stream of samples, and the settings that may change while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from myna.errors import ConfigError

Samples = NDArray[np.float32]

_LARGEST_TRANSPOSE = 36.0  # semitones, as in `ConversionOptions`


@dataclass(frozen=True)
class LiveSettings:
    """Settings that may change while a stream runs."""

    transpose: float = 0.0  # semitones
    speaker: str | None = None  # name of a speaker; None is the voice's first one
    speaker_mix: str | None = None  # constant shares of several speakers, e.g. "alto:0.7,tenor:0.3"
    dry_wet: float = 1.0  # share of the voice in the output; the rest is the source
    gate_db: float | None = -50.0  # level of the source in dBFS below which the gate mutes the source; None never mutes
    bypass: bool = False  # return the unconverted source, with the same delay

    def __post_init__(self) -> None:
        if not abs(self.transpose) <= _LARGEST_TRANSPOSE:
            raise ConfigError(f"transpose must be at most {_LARGEST_TRANSPOSE:g} semitones; got {self.transpose:g}")
        if not 0 <= self.dry_wet <= 1:
            raise ConfigError(f"dry_wet must be between 0 and 1; got {self.dry_wet:g}")
        if self.gate_db is not None and not -120 <= self.gate_db <= 0:
            raise ConfigError(f"gate_db must be between -120 and 0, or None; got {self.gate_db:g}")
        if self.speaker is not None and self.speaker_mix is not None:
            raise ConfigError("speaker and speaker_mix exclude each other: choose one of them")


class SoundStream(Protocol):
    """Converter of a stream."""

    sample_rate: int  # Hz, of both input and output
    delay_samples: int  # constant: output sample n corresponds to input sample n - delay_samples

    def push(self, block: Samples) -> Samples:
        """Append samples (n,) of the source, and return the same number of output samples; n may be any number."""
        ...


class VoiceStream(SoundStream, Protocol):
    """Converter of a stream to a voice."""

    def change(self, settings: LiveSettings) -> None:
        """Apply new settings from the next block on, without a click. Any thread may call this.

        Raises:
            ConfigError: the voice does not support the settings; the current ones stay in use.
        """
        ...
