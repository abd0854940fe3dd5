"""Spectrogram behind a piano roll: its rows are notes, so that each partial has the shape of the pitch curve."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from myna.units import note_to_hz, power_to_db

LOWEST_NOTE, HIGHEST_NOTE = 28, 108  # E1 and C8: 41 Hz to 4.2 kHz
ROWS_PER_SEMITONE = 2
MAX_COLUMNS = 4000
RANGE_DB = 80.0
_LEAST_COLUMN_SECONDS = 0.02
_WINDOW_SECONDS = 0.128
_BLOCK_COLUMNS = 512  # number of columns computed at a time, to limit the memory


def roll_levels(audio: NDArray[np.float32], sample_rate: int) -> NDArray[np.uint8]:
    """Return the levels of `audio` (N,) at notes: 255 is the maximum, 0 is `RANGE_DB` or more below it.

    Returns:
        Levels (rows, columns). Row r is the note `LOWEST_NOTE + r / ROWS_PER_SEMITONE`. The columns are at most
        `MAX_COLUMNS` equal parts of the audio, each at least 20 ms long.
    """
    n_fft = round(_WINDOW_SECONDS * sample_rate)
    n_columns = min(max(round(len(audio) / sample_rate / _LEAST_COLUMN_SECONDS), 1), MAX_COLUMNS)
    middles = ((np.arange(n_columns) + 0.5) * len(audio) / n_columns).astype(int)
    frames = sliding_window_view(np.pad(audio, n_fft // 2), n_fft)
    window, filters = np.hanning(n_fft), _filters(sample_rate, n_fft)
    power = np.concatenate(
        [
            filters @ np.square(np.abs(np.fft.rfft(frames[middles[start : start + _BLOCK_COLUMNS]] * window))).T
            for start in range(0, n_columns, _BLOCK_COLUMNS)
        ],
        axis=1,
    )
    level_db = power_to_db(power / max(float(power.max()), 1e-12) + 1e-12)
    return np.asarray(255 * (1 + level_db / RANGE_DB).clip(min=0)).astype(np.uint8)


def _filters(sample_rate: int, n_fft: int) -> NDArray[np.float64]:
    """Return one triangular filter per row over the bins of the transform, (rows, n_fft / 2 + 1), with a sum of 1.

    A filter is as wide as its row, but at least as wide as a bin, which is wider than the rows of low notes.
    """
    notes = np.arange(LOWEST_NOTE, HIGHEST_NOTE + 1e-9, 1 / ROWS_PER_SEMITONE)
    centres, bins_hz = note_to_hz(notes)[:, None], np.fft.rfftfreq(n_fft, 1 / sample_rate)
    width = np.maximum(note_to_hz(notes + 1 / ROWS_PER_SEMITONE)[:, None] - centres, bins_hz[1])
    filters = (1 - np.abs(bins_hz - centres) / width).clip(min=0)
    return np.asarray(filters / filters.sum(axis=1, keepdims=True))
