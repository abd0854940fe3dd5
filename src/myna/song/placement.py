"""Place of a voice in the stereo image: measured in one recording, and applied to another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from myna.audio import io
from myna.song.convolution import convolved, used_twice

Samples = NDArray[np.float32]

_MID_DEGREES = 45.0
# Limit on the width. Two equal voices at both sides have half of their power beside the axis; a single voice with this
# width would have no definite place.
_MOST_WIDTH = 0.3
_NO_WIDTH = 1e-4  # power beside the axis, relative to the voice, that is ignored (-40 dB)
# Velvet noise: pulses of random sign and place (Alary, Politis and Välimäki 2017, "Velvet-noise decorrelator").
_DECORRELATOR_SECONDS, _PULSES, _DECAY_DB = 0.03, 30, 15.0


@dataclass(frozen=True)
class Placement:
    """Place of a voice: its axis in the plane of the two channels, and the power beside this axis.

    Attributes:
        pan_degrees: angle of the axis: -45 is the left channel, 0 the middle, 45 the right channel.
        width: share of the power beside the axis, 0 to 0.5. It is 0 for a voice recorded with one microphone.
    """

    pan_degrees: float = 0.0
    width: float = 0.0

    @property
    def axes(self) -> NDArray[np.float64]:
        """Return the axis of the voice and the axis at right angles to it, as rows of left and right gains (2, 2)."""
        angle = math.radians(_MID_DEGREES + self.pan_degrees)
        return np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])


class PlacementMeter:
    """Meter of the placement of a voice, given in consecutive blocks."""

    def __init__(self) -> None:
        self._covariance = np.zeros((2, 2))

    def add(self, block: Samples) -> None:
        """Measure the next samples, (2, n), or (1, n) for a mono recording."""
        pair = np.broadcast_to(block, (2, block.shape[1])).astype(np.float64)
        self._covariance += pair @ pair.T

    def placement(self) -> Placement:
        """Return the axis of greatest power, the principal axis of the two channels; for silence, return the middle."""
        (left, both), (_, right) = self._covariance
        if left + right <= 0:
            return Placement()
        degrees = math.degrees(math.atan2(2 * both, left - right)) / 2
        least = float(np.linalg.eigvalsh(self._covariance)[0])
        pan = degrees - _MID_DEGREES
        # Both directions of an axis are the same place.
        return Placement(pan + 180 if pan <= -90 else pan, max(least, 0.0) / (left + right))


def placed(blocks: Iterable[Samples], placement: Placement, sample_rate: int) -> Iterator[Samples]:
    """Place a voice (1, n) in the stereo image (2, n), with the same power.

    The width comes from a decorrelated copy at right angles to the axis. For a voice in the middle, this copy cancels
    in the sum of the two channels.
    """
    width = min(placement.width, _MOST_WIDTH)
    axis, beside = (row[:, None].astype(np.float32) for row in placement.axes)
    if width < _NO_WIDTH:
        for block in blocks:
            yield axis * block
        return
    direct, copied = used_twice(blocks)
    decorrelated = convolved(copied, _velvet_noise(sample_rate))
    for one, other in zip(io.rebuffer(direct, sample_rate), io.rebuffer(decorrelated, sample_rate), strict=True):
        yield axis * (one * np.float32(math.sqrt(1 - width))) + beside * (other * np.float32(math.sqrt(width)))


def _velvet_noise(sample_rate: int) -> NDArray[np.float64]:
    """Return a decaying sequence of pulses (1, L) with an energy of 1."""
    random = np.random.default_rng(0)
    n_samples = max(round(_DECORRELATOR_SECONDS * sample_rate), _PULSES)
    places = ((np.arange(_PULSES) + random.random(_PULSES)) * n_samples / _PULSES).astype(int)
    response = np.zeros((1, n_samples))
    response[0, places] = random.choice([-1.0, 1.0], _PULSES) * 10 ** (-_DECAY_DB / 20 * places / n_samples)
    return np.asarray(response / np.sqrt(np.square(response).sum()))
