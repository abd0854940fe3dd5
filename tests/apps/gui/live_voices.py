"""Voices for tests of live conversion: streams that delay and transpose nothing."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from myna.apps.gui.live.messages import OpenedVoice
from myna.config import PitchRange
from myna.errors import CheckpointError, ConfigError
from myna.realtime.interface import LiveSettings
from myna.studio.voices import LibraryVoice

DELAY_SECONDS = 0.1
RATE = 44100


class Delay:
    """Stream that delays, and multiplies by the share of the voice."""

    def __init__(self, settings: LiveSettings) -> None:
        self.sample_rate = RATE
        self.delay_samples = round(DELAY_SECONDS * RATE)
        self._buffer = np.zeros(self.delay_samples, np.float32)
        self._settings = settings

    def push(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        buffer = np.concatenate([self._buffer, block])
        self._buffer = buffer[len(block) :]
        return np.asarray(buffer[: len(block)] * self._settings.dry_wet, np.float32)

    def change(self, settings: LiveSettings) -> None:
        if settings.speaker == "nobody":
            raise ConfigError("no speaker 'nobody'; this voice has: joe")
        self._settings = settings


def open_delay(voice: LibraryVoice, settings: LiveSettings, block_seconds: float | None) -> OpenedVoice:
    """Open a voice of recordings an octave above a singer of 220 Hz; "broken" and "crashing" cannot be loaded."""
    if voice.name == "crashing":
        os._exit(3)
    if voice.name == "broken":
        raise CheckpointError("broken.pth is not a voice")
    block = block_seconds or 0.1
    return OpenedVoice(Delay(settings), voice.name, PitchRange(median_hz=440, low_hz=400, high_hz=500), block, block)
