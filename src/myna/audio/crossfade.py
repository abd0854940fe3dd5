"""Joins of the converted slices of a recording."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from myna.audio.slicing import Slice

Samples = NDArray[np.float32]

# Largest shift that aligns the phase of a slice with the previous one: half a period of 80 Hz (6 ms), an inaudible
# delay.
ALIGNMENT_SECONDS = 0.00625

_FADE_SECONDS = 0.01
_SILENCE_BLOCK = 1 << 16


def crossfade(outgoing: Samples, incoming: Samples) -> Samples:
    """Cross-fade two sounds (N,) at constant power.

    If two sounds have equal power and correlation r, their mix with weights 1-w and w has the relative power (1-w)^2 +
    w^2 + 2 w (1-w) r. The mix is divided by the square root of this. The result is a linear fade for equal sounds and
    an equal-power fade for uncorrelated ones. Two conversions of the same moment with different context lie between
    these two cases.
    """
    n = len(outgoing)
    weight = (np.arange(n) + 0.5) / n
    energies = float(np.dot(outgoing, outgoing)) * float(np.dot(incoming, incoming))
    correlation = float(np.dot(outgoing, incoming)) / energies**0.5 if energies > 0 else 1.0
    # Sounds with a correlation below -0.5 cancel; full normalisation would only amplify the remainder.
    correlation = min(max(correlation, -0.5), 1.0)
    power = (1 - weight) ** 2 + weight**2 + 2 * weight * (1 - weight) * correlation
    mixed = outgoing + weight * (incoming - outgoing)
    return (mixed / np.sqrt(power)).astype(np.float32)


def best_shift(reference: Samples, signal: Samples, lead: int, reach: int) -> int:
    """Return the shift of `signal` that has the greatest normalised cross-correlation with `reference`.

    The phase of a harmonic source depends on the start of the slice, so two renderings of one note may cancel out.

    Args:
        reference: samples (N,).
        signal: samples (M,), M > N.
        lead: index in `signal` of the first sample of `reference` at shift 0.
        reach: largest shift in either direction.

    Returns:
        Shift in samples, in -reach..reach; if several have nearly the same correlation, the one nearest to 0.
    """
    n = len(reference)
    reach = min(reach, lead, len(signal) - lead - n)
    around = signal[lead - reach : lead + n + reach].astype(np.float64)
    energy = np.cumsum(np.concatenate([[0.0], np.square(around)]))
    similarity = np.correlate(around, reference.astype(np.float64), "valid")
    similarity /= np.sqrt(np.maximum(energy[n:] - energy[:-n], 1e-12))
    shifts = np.arange(-reach, reach + 1)
    good = shifts[similarity >= similarity.max() - 1e-3 * abs(similarity.max())]
    return int(good[np.argmin(np.abs(good))])


def join(
    slices: Sequence[Slice], sounds: Iterable[tuple[Samples, int]], n_samples: int, sample_rate: int
) -> Iterator[Samples]:
    """Join the sounds of consecutive slices into a recording of `n_samples`, and yield it in blocks.

    Slices that overlap are aligned in phase and cross-faded. Between other slices there is digital silence, with a fade
    on each side; the ends of the recording have no fade.

    Args:
        slices: the planned slices.
        sounds: for each slice, its sound with context on both sides, and the index of the slice's first sample in that
            sound.
        n_samples: length of the recording.
        sample_rate: in Hz.
    """
    fade_samples = round(sample_rate * _FADE_SECONDS)
    reach = round(sample_rate * ALIGNMENT_SECONDS)
    position = 0  # samples yielded so far
    held = np.empty(0, np.float32)  # end of the previous slice, which overlaps this one
    for (piece, following), (wide, lead) in zip(pairwise([*slices, None]), sounds, strict=True):
        assert piece is not None
        if piece.overlap:
            begin = lead + best_shift(held, wide, lead, min(reach, len(wide) - lead - piece.n_samples))
            sound = wide[begin : begin + piece.n_samples]
            sound = np.concatenate([crossfade(held, sound[: piece.overlap]), sound[piece.overlap :]])
        else:
            yield from _silence(piece.start - position)
            position = piece.start
            sound = wide[lead : lead + piece.n_samples]
        shared = following.overlap if following else 0
        fade_in = not piece.overlap and piece.start > 0
        fade_out = not shared and piece.end < n_samples
        sound = _faded(sound, fade_samples if fade_in else 0, fade_samples if fade_out else 0)
        whole = len(sound) - shared
        yield sound[:whole]
        position, held = position + whole, sound[whole:]
    yield from _silence(n_samples - position)


def _faded(sound: Samples, fade_in: int, fade_out: int) -> Samples:
    if not fade_in and not fade_out:
        return sound
    sound = sound.copy()
    if fade_in:
        sound[:fade_in] *= _rising(min(fade_in, len(sound)))
    if fade_out:
        sound[-fade_out:] *= _rising(min(fade_out, len(sound)))[::-1]
    return sound


def _rising(n_samples: int) -> Samples:
    """Return a raised-cosine ramp (n_samples,) from 0 to 1."""
    return (0.5 - 0.5 * np.cos(np.pi * (np.arange(n_samples) + 0.5) / n_samples)).astype(np.float32)


def _silence(n_samples: int) -> Iterator[Samples]:
    for start in range(0, n_samples, _SILENCE_BLOCK):
        yield np.zeros(min(_SILENCE_BLOCK, n_samples - start), np.float32)
