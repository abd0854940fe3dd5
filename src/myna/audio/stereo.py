"""Mixing of more than two channels to stereo."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

# Share of each channel in the left and in the right output (ITU-R BS.775): centre and surrounds are attenuated by 3 dB,
# and the LFE is left out.
_LEFT, _RIGHT, _CENTRE, _LFE = (1.0, 0.0), (0.0, 1.0), (0.5**0.5, 0.5**0.5), (0.0, 0.0)
_BACK_LEFT, _BACK_RIGHT, _BACK_CENTRE = (0.5**0.5, 0.0), (0.0, 0.5**0.5), (0.5, 0.5)
_FRONT, _BACK = (_LEFT, _RIGHT, _CENTRE), (_BACK_LEFT, _BACK_RIGHT)
# By the number of channels, given in WAVE order.
_SHARES = {
    3: _FRONT,
    4: (_LEFT, _RIGHT, *_BACK),
    5: (*_FRONT, *_BACK),
    6: (*_FRONT, _LFE, *_BACK),
    7: (*_FRONT, _LFE, _BACK_CENTRE, *_BACK),
    8: (*_FRONT, _LFE, *_BACK, *_BACK),
}
MOST_CHANNELS = max(_SHARES)  # more channels are not a loudspeaker layout


def at_most_stereo(piece: Samples) -> Samples:
    """Mix samples (C, n) in WAVE order to stereo, (2, n); one or two channels are returned unchanged.

    Raises:
        ValueError: there are more than `MOST_CHANNELS` channels.
    """
    if len(piece) <= 2:
        return piece
    if len(piece) > MOST_CHANNELS:
        raise ValueError(f"{len(piece)} channels are not of a loudspeaker layout")
    return np.asarray(np.array(_SHARES[len(piece)], np.float32).T @ piece)
