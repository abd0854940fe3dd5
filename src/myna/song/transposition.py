"""Transposition of an accompaniment, with Signalsmith Stretch (the extra 'cover')."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from myna.audio.crossfade import crossfade
from myna.audio.slicing import windows
from myna.errors import MissingExtraError

Samples = NDArray[np.float32]

_OCTAVE = 12
# The library transposes whole arrays, so music is cut into pieces. Each piece is computed with context on both sides,
# and cross-faded into the next piece.
_PIECE_SECONDS, _CONTEXT_SECONDS, _FADE_SECONDS = 60.0, 1.0, 0.1


def shift_of_music(semitones: float) -> float:
    """Return the smallest shift, -6 to 6 semitones, that leads to the same key as a shift by `semitones`.

    For example, whole octaves become 0, and a fifth up becomes a fourth down.
    """
    return semitones - _OCTAVE * round(semitones / _OCTAVE)


def check_transposition() -> None:
    """Raise `MissingExtraError` if Signalsmith Stretch is not installed."""
    _library()


def transposed(blocks: Iterable[Samples], n_samples: int, semitones: float, sample_rate: int) -> Iterator[Samples]:
    """Transpose music in consecutive blocks (C, n), `n_samples` in total, and yield the same number of samples."""
    stretch = _library()
    piece, context, fade = (
        round(seconds * sample_rate) for seconds in (_PIECE_SECONDS, _CONTEXT_SECONDS, _FADE_SECONDS)
    )
    starts = range(0, n_samples, piece)
    ranges = [(start - context, min(start + piece, n_samples) + fade + context) for start in starts]
    held: Samples | None = None
    for (first, last), part in zip(ranges, windows(blocks, ranges), strict=True):
        engine = stretch.Stretch()
        engine.preset(len(part), sample_rate)
        engine.setTransposeSemitones(semitones)
        found = engine.process(np.ascontiguousarray(part))[:, context : last - first - context]
        if held is not None:
            faded = [crossfade(*pair) for pair in zip(held, found[:, :fade], strict=True)]
            found = np.concatenate([np.stack(faded), found[:, fade:]], axis=1)
        held = found[:, found.shape[1] - fade :]
        yield found[:, : found.shape[1] - fade]


def _library() -> Any:
    try:
        from python_stretch import Signalsmith
    except ImportError as error:
        raise MissingExtraError("transposing the music", "cover") from error
    return Signalsmith
