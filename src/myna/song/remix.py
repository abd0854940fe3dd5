"""Sum of the stems of a song, each with a gain."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from myna.audio import io
from myna.audio.headroom import CONVERSION_CEILING
from myna.errors import AudioError
from myna.units import db_to_amplitude


class Part(NamedTuple):
    """A stem of a mix."""

    path: Path
    gain_db: float


def remix(parts: Sequence[Part], target: Path, tags: io.Tags | None = None) -> None:
    """Write the sum of stems, which have one sample rate and one length, as wav, flac, mp3, m4a or ogg.

    It has as many channels as the stem with most; a stem of one channel is in the middle. A sum that would exceed full
    scale is turned down as a whole.

    Raises:
        AudioError: there are no stems, a stem cannot be read, or the target cannot be written.
    """
    if not parts:
        raise AudioError("all tracks are muted; there is nothing to write")
    headers = [io.info(part.path) for part in parts]
    rate = headers[0].sample_rate
    channels = max(header.n_channels for header in headers)
    gains = [np.float32(db_to_amplitude(part.gain_db)) for part in parts]
    blocks = [io.blocks(part.path, rate, rate, mono=False) for part in parts]
    with io.Writer(target, rate, channels=channels, tags=tags, ceiling=CONVERSION_CEILING) as writer:
        for pieces in zip(*blocks, strict=True):
            mixed = np.zeros((channels, pieces[0].shape[1]), np.float32)
            for gain, piece in zip(gains, pieces, strict=True):
                mixed += gain * piece
            writer.write(mixed)
