"""PNG picture of a conversion and its source: two spectrograms and, below them, one plot of both pitch contours."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from myna.audio.io import read
from myna.errors import AudioError
from myna.evaluation.drawing.axes import (
    frequency_position,
    hz_to_midi,
    midi_to_hz,
    note_lines,
    note_name,
    note_range,
    time_ticks,
)
from myna.evaluation.drawing.curve import runs
from myna.evaluation.drawing.image import coloured, spectrogram_levels
from myna.evaluation.evaluate import FileEvaluation
from myna.storage.atomic import replacing
from myna.units import semitones_to_ratio

# At this rate, the window of 2048 samples resolves the harmonics of low voices.
_SAMPLE_RATE = 22050
_HOP_LENGTH = 128
_HIGH_HZ = 8000.0
_FREQUENCIES_HZ = {200: "200 Hz", 1000: "1 kHz", 2000: "2 kHz", 4000: "4 kHz", 8000: "8 kHz"}

# Sizes are in pixels of the finished picture. The picture is drawn larger and then scaled down, because Pillow draws
# lines without anti-aliasing.
SIZE = (1400, 1000)
_OVERSAMPLING = 3
_LEFT, _RIGHT = 86, 1344
_TITLE_SIZE, _LABEL_SIZE = 20, 16

# Colours from page.css.
_GROUND, _TEXT, _FAINT, _GRID = "#ffffff", "#1c2128", "#667080", "#dfe3e8"
# Colour and width of the contours. The contour of the source is wide, so that it stays visible under that of the
# conversion.
_SOURCE, _RESULT = ("#a9bad2", 7), ("#c2410c", 2.5)


@dataclass(frozen=True)
class _Panel:
    """Vertical extent of a plot in the picture."""

    top: int
    bottom: int

    def point(self, across: float, down: float) -> tuple[float, float]:
        """Return the pixel position for shares (0 to 1) of the panel's width from the left and height from the top."""
        return _LEFT + across * (_RIGHT - _LEFT), self.top + down * (self.bottom - self.top)


_SOURCE_PANEL, _RESULT_PANEL, _PITCH_PANEL = _Panel(44, 314), _Panel(364, 634), _Panel(688, 958)


def write_picture(file: FileEvaluation, path: Path) -> None:
    """Draw the picture of an evaluated conversion and write it to `path` as PNG.

    Raises:
        AudioError: the picture cannot be written, or a recording was deleted after its evaluation.
    """
    canvas = _Canvas()
    for panel, recording, title in (
        (_SOURCE_PANEL, file.pair.source, "Source"),
        (_RESULT_PANEL, file.pair.converted, "Sung in the voice"),
    ):
        _draw_spectrogram(canvas, panel, read(recording, _SAMPLE_RATE)[0], title)
    _draw_pitch(canvas, _PITCH_PANEL, file)
    for panel in (_SOURCE_PANEL, _RESULT_PANEL, _PITCH_PANEL):
        _draw_times(canvas, panel, file.seconds, named=panel is _PITCH_PANEL)
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(canvas.png())
    except OSError as error:
        raise AudioError(f"cannot write {path}: {error.strerror}") from error


class _Canvas:
    """Oversampled drawing surface that takes coordinates in pixels of the picture."""

    def __init__(self) -> None:
        self._image = Image.new("RGB", (SIZE[0] * _OVERSAMPLING, SIZE[1] * _OVERSAMPLING), _GROUND)
        self._draw = ImageDraw.Draw(self._image)

    def text(
        self, x: float, y: float, text: str, anchor: str, *, size: int = _LABEL_SIZE, colour: str = _FAINT
    ) -> float:
        """Draw one line of text at (x, y), aligned as Pillow's `anchor` specifies, and return its width."""
        # Pillow's own font is available everywhere, but lacks "♯".
        font, text = ImageFont.load_default(size * _OVERSAMPLING), text.replace("♯", "#")
        self._draw.text(_enlarged((x, y)), text, colour, font, anchor)
        return self._draw.textlength(text, font) / _OVERSAMPLING

    def line(self, points: list[tuple[float, float]], colour: str, width: float = 1) -> None:
        enlarged = [_enlarged(point) for point in points]
        self._draw.line(enlarged, colour, round(width * _OVERSAMPLING), joint="curve")

    def paste(self, levels: NDArray[np.uint8], panel: _Panel) -> None:
        """Fill a panel with spectrogram levels."""
        (left, top), (right, bottom) = (_enlarged(panel.point(share, share)) for share in (0, 1))
        size = round(right - left), round(bottom - top)
        picture = coloured(Image.fromarray(levels).resize(size, Image.Resampling.BICUBIC))
        self._image.paste(picture, (round(left), round(top)))

    def png(self) -> bytes:
        file = io.BytesIO()
        self._image.reduce(_OVERSAMPLING).save(file, "PNG", optimize=True)
        return file.getvalue()


def _enlarged(point: tuple[float, float]) -> tuple[float, float]:
    return point[0] * _OVERSAMPLING, point[1] * _OVERSAMPLING


def _draw_spectrogram(canvas: _Canvas, panel: _Panel, audio: NDArray[np.float32], title: str) -> None:
    _draw_title(canvas, panel, title)
    canvas.paste(spectrogram_levels(audio, _SAMPLE_RATE, high_hz=_HIGH_HZ, hop_length=_HOP_LENGTH), panel)
    for hz, name in _FREQUENCIES_HZ.items():
        x, y = panel.point(0, frequency_position(hz, _HIGH_HZ))
        canvas.line([(x - 6, y), (x, y)], _FAINT)
        canvas.text(x - 12, y, name, "rm")


def _draw_pitch(canvas: _Canvas, panel: _Panel, file: FileEvaluation) -> None:
    """Draw both pitch contours; the source's is transposed by the same interval as the conversion."""
    expected, converted = file.source_f0 * semitones_to_ratio(file.transpose), file.converted_f0
    low, high = note_range(np.concatenate([expected[expected > 0], converted[converted > 0]]))
    _draw_title(canvas, panel, "Pitch")
    for note in note_lines(low, high):
        (x, y), (end, _) = (panel.point(across, (high - note) / (high - low)) for across in (0, 1))
        canvas.line([(x, y), (end, y)], _GRID)
        canvas.text(x - 12, y, f"{midi_to_hz(note):.0f} Hz", "rm")
        canvas.text(end + 12, y, note_name(note), "lm")
    for time, _ in time_ticks(file.seconds):
        canvas.line([panel.point(time / file.seconds, down) for down in (0, 1)], _GRID)
    shift = f", {file.transpose:+g} semitones" if file.transpose else ""
    legend = _LEFT + 90.0
    for f0, (colour, width), name in ((expected, _SOURCE, f"source{shift}"), (converted, _RESULT, "sung in the voice")):
        heights = (high - hz_to_midi(f0)) / (high - low)
        for points in _strokes(np.clip(heights, 0, 1), f0 > 0):
            canvas.line([panel.point(frame / len(f0), height) for frame, height in points], colour, width)
        y = panel.top - 18
        canvas.line([(legend, y), (legend + 36, y)], colour, width)
        legend += 46 + canvas.text(legend + 46, y + 6, name, "ls", colour=_TEXT) + 36


def _strokes(heights: NDArray[np.floating], voiced: NDArray[np.bool_]) -> Iterator[list[tuple[float, float]]]:
    """Yield a polyline of (frame, height) points for each run of voiced frames.

    A polyline extends from the start of the run's first frame to the end of the last frame.
    """
    for start, end in runs(voiced):
        middle = [(frame + 0.5, float(heights[frame])) for frame in range(start, end)]
        yield [(start, middle[0][1]), *middle, (end, middle[-1][1])]


def _draw_title(canvas: _Canvas, panel: _Panel, title: str) -> None:
    canvas.text(_LEFT, panel.top - 12, title, "ls", size=_TITLE_SIZE, colour=_TEXT)


def _draw_times(canvas: _Canvas, panel: _Panel, seconds: float, *, named: bool) -> None:
    for time, name in time_ticks(seconds):
        x, y = panel.point(time / seconds, 1)
        canvas.line([(x, y), (x, y + 6)], _FAINT)
        if named:
            canvas.text(x, y + 12, name, "mt")
