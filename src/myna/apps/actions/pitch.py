"""Display data of a pitch editor: the output pitch of a song, its notes, and the spectrogram behind them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from myna.options import ConversionOptions
from myna.progress import Progress, silent

if TYPE_CHECKING:
    from myna.conversion.converter import Converter

# Maximum length of a slice while a song is edited: each edit converts again the slices that it changes.
EDITING_CHUNK_SECONDS = 5.0
_SAMPLE_RATE = 16000  # of the spectrogram


class ViewedNote(BaseModel):
    """A note of the piano roll."""

    model_config = ConfigDict(frozen=True)

    start: float  # seconds
    end: float
    pitch: float  # median as a MIDI note number


class ViewedSpectrogram(BaseModel):
    """Spectrogram of the source, transposed like the pitch curve, so that the curve lies on a partial."""

    model_config = ConfigDict(frozen=True)

    rows: int
    columns: int  # equal parts of the song
    lowest_note: float  # MIDI note number of the first row
    rows_per_semitone: int
    levels: str  # rows * columns bytes in base64, row by row; 0 is silent, 255 the maximum


class PitchView(BaseModel):
    """Display data of a pitch editor: the pitch of a conversion, and the spectrogram of its source.

    The centre of frame t of a contour is at (t + 0.5) * frame_seconds.
    """

    model_config = ConfigDict(frozen=True)

    seconds: float  # length of the song
    frame_seconds: float
    f0: list[float]  # Hz, 0 where unvoiced or silent
    unedited_f0: list[float]  # `f0` without the pitch edits
    notes: list[ViewedNote]  # notes found in `f0`
    transpose: float  # semitones, including the shift of --auto-transpose
    key: str | None  # key to which --autotune moved the notes; without --autotune, the estimated key of the melody
    spectrogram: ViewedSpectrogram


def pitch_view(converter: Converter, song: Path, options: ConversionOptions, progress: Progress = silent) -> PitchView:
    """Return the display data of a pitch editor for a song; `options` may name a file of pitch edits.

    The spectrogram takes up to 1 MB, and the contours take 1 MB for a song of four minutes. If the converter has a
    cache, the next conversion reuses the features that are computed here.

    Raises:
        AudioError: the song cannot be read.
        ConfigError: the voice does not support the options, or the file of pitch edits is malformed.
    """
    from myna.features.notes import find_notes, find_scale

    sung = converter.pitch(song, options, progress)
    notes = find_notes(sung.f0, sung.frame_seconds)
    scale = find_scale(notes)
    return PitchView(
        seconds=sung.seconds,
        frame_seconds=sung.frame_seconds,
        f0=[round(hz, 1) for hz in sung.f0.tolist()],
        unedited_f0=[round(hz, 1) for hz in sung.unedited_f0.tolist()],
        notes=[ViewedNote(start=note.start, end=note.end, pitch=note.pitch) for note in notes],
        transpose=sung.transpose,
        key=sung.key or (scale.name if scale is not None else None),
        spectrogram=_spectrogram(song, sung.transpose),
    )


def _spectrogram(song: Path, transpose: float) -> ViewedSpectrogram:
    from myna.audio.preparation import read_prepared
    from myna.evaluation.drawing.roll import LOWEST_NOTE, ROWS_PER_SEMITONE, roll_levels

    levels = roll_levels(read_prepared(song, _SAMPLE_RATE), _SAMPLE_RATE)
    return ViewedSpectrogram(
        rows=levels.shape[0],
        columns=levels.shape[1],
        lowest_note=LOWEST_NOTE + transpose,
        rows_per_semitone=ROWS_PER_SEMITONE,
        levels=base64.b64encode(levels.tobytes()).decode(),
    )
