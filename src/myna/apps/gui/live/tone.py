"""Test tone, in place of a voice."""

from __future__ import annotations

import numpy as np

from myna.apps.gui.live.messages import OpenedVoice
from myna.realtime.interface import LiveSettings, Samples
from myna.units import db_to_amplitude

_RATE = 48000
_HZ = 440.0
_LEVEL_DB = -30.0  # peak
_FADE_SECONDS = 0.05
_BLOCK_SECONDS = 0.1


class Tone:
    """Stream that plays a tone, whatever it gets."""

    sample_rate = _RATE
    delay_samples = 0

    def __init__(self) -> None:
        self._n = 0

    def push(self, block: Samples) -> Samples:
        """Return as many samples of the tone as are given."""
        times = (self._n + np.arange(len(block))) / _RATE
        self._n += len(block)
        gain = db_to_amplitude(_LEVEL_DB) * np.minimum(times / _FADE_SECONDS, 1)
        return np.asarray(gain * np.sin(2 * np.pi * _HZ * times), np.float32)

    def change(self, settings: LiveSettings) -> None:
        """Do nothing: a tone has no settings."""


def open_tone() -> OpenedVoice:
    """Return the tone as if it were a voice."""
    return OpenedVoice(Tone(), "test tone", None, _BLOCK_SECONDS, _BLOCK_SECONDS)
