"""Sum of the stems of a song, each with a gain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from myna.audio import io
from myna.audio.resample import resample_pieces
from myna.errors import AudioError
from myna.song.limiter import Limiter
from myna.song.mixdown import MIX_CEILING, MOST_LIMITED_DB
from myna.units import db_to_amplitude

Samples = NDArray[np.float32]


class Part(NamedTuple):
    """A stem of a mix."""

    path: Path
    gain_db: float = 0.0


def remix(
    parts: Sequence[Part],
    target: Path,
    tags: io.Tags,
    picture: io.Picture | None = None,
    finish: Callable[[Path], None] | None = None,
) -> None:
    """Write the sum of stems in a format of `io.WRITABLE_SUFFIXES`, limited like the mix of a cover.

    Args:
        parts: stems with the same sample rate and the same length.
        target: file to write.
        tags: text for the header.
        picture: cover art.
        finish: see `io.Writer`.

    Raises:
        AudioError: there are no stems, a stem cannot be read, or the target cannot be written.
    """
    if not parts:
        raise AudioError("all tracks are muted; there is nothing to write")
    rate = io.info(parts[0].path).sample_rate
    with io.Writer(
        target,
        io.storable_rate(target, rate),
        channels=_n_channels(parts),
        tags=tags,
        picture=picture,
        ceiling=MIX_CEILING,
        finish=finish,
    ) as writer:
        for block in resample_pieces(_limited(parts, rate), rate, writer.sample_rate):
            writer.write(block)


def pack_stem(parts: Sequence[Part], target: Path) -> float:
    """Write the sum of stems as a flac file of 24 bits, and return the gain to apply when the file is played.

    A sum that exceeds full scale is attenuated in the file; the gain compensates for this.

    Raises:
        AudioError: a stem cannot be read, or the target cannot be written.
    """
    rate = io.info(parts[0].path).sample_rate
    with io.Writer(target, rate, channels=_n_channels(parts), sample_format="int24") as writer:
        for block in _summed(parts):
            writer.write(block)
    return 1 / writer.gain


def _limited(parts: Sequence[Part], sample_rate: int) -> Iterator[Samples]:
    limiter = Limiter(sample_rate, MIX_CEILING, MOST_LIMITED_DB)
    for block in _summed(parts):
        yield limiter.push(block)
    yield limiter.finish()


def _n_channels(parts: Sequence[Part]) -> int:
    return max(io.info(part.path).n_channels for part in parts)


def _summed(parts: Sequence[Part]) -> Iterator[Samples]:
    """Yield the sum in blocks of one second, (C, n); a mono stem is placed in the middle."""
    rate, n_channels = io.info(parts[0].path).sample_rate, _n_channels(parts)
    gains = [np.float32(db_to_amplitude(part.gain_db)) for part in parts]
    blocks = [io.blocks(part.path, rate, rate, mono=False) for part in parts]
    for pieces in zip(*blocks, strict=True):
        mixed = np.zeros((n_channels, pieces[0].shape[1]), np.float32)
        for gain, piece in zip(gains, pieces, strict=True):
            mixed += gain * piece
        yield mixed
