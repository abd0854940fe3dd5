"""Mixing of more than two channels to stereo."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from myna.errors import AudioError

Samples = NDArray[np.float32]

# Share of each channel in the left and the right one (ITU-R BS.775): centre and surrounds are 3 dB softer, and the LFE
# is left out.
_LEFT, _RIGHT, _CENTRE, _LFE = (1.0, 0.0), (0.0, 1.0), (0.5**0.5, 0.5**0.5), (0.0, 0.0)
_BACK_LEFT, _BACK_RIGHT, _BACK_CENTRE = (0.5**0.5, 0.0), (0.0, 0.5**0.5), (0.5, 0.5)
_FRONT, _BACK = (_LEFT, _RIGHT, _CENTRE), (_BACK_LEFT, _BACK_RIGHT)
# By the number of channels, which are in WAVE order.
_SHARES = {
    3: _FRONT,
    4: (_LEFT, _RIGHT, *_BACK),
    5: (*_FRONT, *_BACK),
    6: (*_FRONT, _LFE, *_BACK),
    7: (*_FRONT, _LFE, _BACK_CENTRE, *_BACK),
    8: (*_FRONT, _LFE, *_BACK, *_BACK),
}


def at_most_stereo(piece: Samples) -> Samples:
    """Mix samples (C, n) in WAVE order to stereo, (2, n); one or two channels are returned unchanged.

    Raises:
        AudioError: there are more channels than a loudspeaker layout has.
    """
    if len(piece) <= 2:
        return piece
    if len(piece) not in _SHARES:
        raise AudioError(f"a recording of {len(piece)} channels cannot be mixed to stereo; mix it in another program")
    return np.asarray(np.array(_SHARES[len(piece)], np.float32).T @ piece)
