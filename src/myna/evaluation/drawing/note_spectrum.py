"""Spectrogram over notes: rows are equally spaced in semitones, so that a pitch curve lies on its fundamental."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from myna.units import hz_to_note, note_to_hz

LOW_NOTE, HIGH_NOTE = 24, 96  # C1 and C7, as MIDI numbers
ROWS_PER_NOTE = 4
N_ROWS = (HIGH_NOTE - LOW_NOTE) * ROWS_PER_NOTE + 1
COLUMNS_PER_SECOND = 50
_WINDOW_SECONDS = 0.06  # five periods at 83 Hz
_LOUD_DB, _RANGE_DB = -24.0, 54.0  # level drawn brightest, relative to a full-scale sine, and the range below it
_BLUR = (0.25, 0.5, 0.25)  # smoothing over neighbouring rows; without it, a harmonic between two rows would flicker


def context_samples(sample_rate: int) -> int:
    """Return the number of samples before and after a stretch that affect its columns."""
    return round(_WINDOW_SECONDS * sample_rate / 2)


def note_levels(audio: NDArray[np.float32], sample_rate: int) -> NDArray[np.uint8]:
    """Return the levels of a stretch of sound at notes, 0 to 255.

    The window is too short to resolve semitones of a low voice. Therefore, the power of each bin is moved to the
    instantaneous frequency of the bin (reassignment, along frequency only: Auger and Flandrin 1995).

    Args:
        audio: (N,), with `context_samples` before and after the stretch.

    Returns:
        Levels (`N_ROWS`, columns), from `HIGH_NOTE` down to `LOW_NOTE`. Column t is centred on the time
        (t + 0.5) / `COLUMNS_PER_SECOND` of the stretch.
    """
    half = context_samples(sample_rate)
    n_columns = max(int((len(audio) - 2 * half) * COLUMNS_PER_SECOND / sample_rate), 0)
    if not n_columns:
        return np.zeros((N_ROWS, 0), np.uint8)
    starts = np.round((np.arange(n_columns) + 0.5) * sample_rate / COLUMNS_PER_SECOND).astype(np.int64)
    frames = sliding_window_view(audio, 2 * half)[np.minimum(starts, len(audio) - 2 * half)]
    hz, bin_power = _reassigned(frames, sample_rate)
    rows = np.round((HIGH_NOTE - hz_to_note(hz)) * ROWS_PER_NOTE).astype(np.int64)
    column, found = np.nonzero((rows >= 0) & (rows < N_ROWS))
    cells = np.bincount(column * N_ROWS + rows[column, found], bin_power[column, found], n_columns * N_ROWS)
    power = cells.astype(np.float64).reshape(n_columns, N_ROWS)
    padded = np.pad(power, ((0, 0), (1, 1)))
    blurred = sum(share * padded[:, shift : shift + N_ROWS] for shift, share in enumerate(_BLUR))
    level_db = 10 * np.log10(blurred + 1e-12)
    levels: NDArray[np.uint8] = (255 * ((level_db - _LOUD_DB) / _RANGE_DB + 1)).clip(0, 255).astype(np.uint8)
    return levels.T


def _reassigned(frames: NDArray[np.float32], sample_rate: int) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return the instantaneous frequency in Hz and the power of each bin below `HIGH_NOTE`, both (T, bins).

    Args:
        frames: (T, n).
    """
    n_samples = frames.shape[1]
    n_fft = 1 << n_samples.bit_length()
    bin_hz = sample_rate / n_fft
    n_bins = int(note_to_hz(float(HIGH_NOTE)) / bin_hz)
    window = np.hanning(n_samples).astype(np.float32)
    slope = np.gradient(window).astype(np.float32)
    spectra, derived = (np.fft.rfft(frames * shape, n_fft)[:, 1 : n_bins + 1] for shape in (window, slope))
    power = np.square(np.abs(spectra))
    shift = -np.imag(derived * spectra.conj()) / np.maximum(power, 1e-12) * sample_rate / (2 * np.pi)
    # With this zero padding, each harmonic covers about four bins, whose powers sum to about twice the peak's power.
    return np.maximum(np.arange(1, n_bins + 1) * bin_hz + shift, 1.0), power * (2 / window.sum()) ** 2 / 2
