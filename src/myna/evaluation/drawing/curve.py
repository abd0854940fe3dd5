"""Drawing of pitch contours as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from myna.evaluation.contours import CLOSE_CENTS, cents_between
from myna.evaluation.drawing.axes import hz_to_midi, note_lines, note_name, note_range
from myna.units import semitones_to_ratio

_WIDTH, _HEIGHT = 1000, 100  # size of the view box, which the page scales to the plot
MAX_POINTS = 4000  # approximate maximum number of points per contour


@dataclass(frozen=True)
class PitchScale:
    """Vertical range of a pitch plot, in MIDI note numbers."""

    low: float
    high: float

    @classmethod
    def around(cls, contours: Sequence[NDArray[np.floating]]) -> PitchScale:
        """Create a scale that spans all `contours`, each (T,) in Hz."""
        return cls(*note_range(np.concatenate([f0[f0 > 0] for f0 in contours])))

    def notes(self) -> tuple[tuple[str, float], ...]:
        """Return the notes with lines, as (name, position from the top in percent)."""
        return tuple(
            (note_name(note), 100 * (self.high - note) / (self.high - self.low))
            for note in note_lines(self.low, self.high)
        )

    def path(self, f0: NDArray[np.floating], n_frames: float, max_points: int = MAX_POINTS) -> str:
        """Return the SVG path data of a contour (T,) in Hz in a plot `n_frames` wide; unvoiced frames are gaps."""
        height = _HEIGHT * (self.high - hz_to_midi(f0)) / (self.high - self.low)
        stride = -(-len(height) // max_points) or 1
        parts = []
        for start, end in runs(f0 > 0):
            # Always draw the last frame of a run, so that short notes stay visible.
            points = [*range(start, end, stride), end - 1]
            parts.append("M" + "L".join(f"{_x(point + 0.5, n_frames)} {height[point]:.2f}" for point in points))
        return "".join(parts)


@dataclass(frozen=True)
class PitchPlot:
    """An SVG plot, and the labels of its note lines as (name, position from the top in percent)."""

    svg: str
    notes: tuple[tuple[str, float], ...]


def pitch_plot(source_f0: NDArray[np.floating], converted_f0: NDArray[np.floating], transpose: float) -> PitchPlot:
    """Plot the pitch of the conversion, and the source's pitch transposed by `transpose` semitones.

    A strip below the plot marks frames in which the contours differ by more than 50 cents, or only one is voiced.
    """
    n_frames = min(len(source_f0), len(converted_f0))
    expected, converted = source_f0[:n_frames] * semitones_to_ratio(transpose), converted_f0[:n_frames]
    scale = PitchScale.around([expected, converted])

    def draw(f0: NDArray[np.floating], kind: str) -> str:
        return f'<path class="{kind}" d="{scale.path(f0, n_frames)}"/>'

    notes = scale.notes()
    lines = "".join(f'<path class="line" d="M0 {position:.2f}H{_WIDTH}"/>' for _, position in notes)
    off = np.abs(cents_between(expected, converted)) > CLOSE_CENTS
    one_only = (expected > 0) != (converted > 0)
    svg = (
        f'<svg class="pitch" viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="pitch of source and conversion">{lines}'
        f"{draw(expected, 'wanted')}{draw(converted, 'converted')}</svg>"
        f'<svg class="strip" viewBox="0 0 {_WIDTH} 1" preserveAspectRatio="none" role="img" '
        f'aria-label="where they differ">{_bars(one_only, "one-only")}{_bars(off, "off")}</svg>'
    )
    return PitchPlot(svg, tuple((escape(name), position) for name, position in notes))


def _bars(marked: NDArray[np.bool_], kind: str) -> str:
    path = "".join(
        f"M{_x(start, len(marked))} 0H{_x(end, len(marked))}V1H{_x(start, len(marked))}" for start, end in runs(marked)
    )
    return f'<path class="{kind}" d="{path}"/>'


def _x(frame: float, n_frames: float) -> str:
    return f"{_WIDTH * frame / n_frames:.2f}"


def runs(marked: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield the start and the exclusive end of each run of true values."""
    edges = np.flatnonzero(np.diff(marked.astype(np.int8), prepend=0, append=0))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
