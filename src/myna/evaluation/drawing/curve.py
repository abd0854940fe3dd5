"""Pitch contours as a drawing in SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from myna.evaluation.contours import CLOSE_CENTS, cents_between
from myna.evaluation.drawing.axes import note_lines, note_name, note_range, semitones

_WIDTH, _HEIGHT = 1000, 100  # of the drawing's own grid; the page stretches it
MOST_POINTS = 4000  # of a contour, about


@dataclass(frozen=True)
class PitchScale:
    """What of the scale a plot shows, from `low` to `high`, in MIDI numbers."""

    low: float
    high: float

    @classmethod
    def around(cls, contours: Sequence[NDArray[np.floating]]) -> PitchScale:
        """The scale on which all of these contours lie."""
        return cls(*note_range(np.concatenate([f0[f0 > 0] for f0 in contours])))

    def notes(self) -> tuple[tuple[str, float], ...]:
        """The notes that get a line, as (name, place from the top in percent)."""
        return tuple(
            (note_name(note), 100 * (self.high - note) / (self.high - self.low))
            for note in note_lines(self.low, self.high)
        )

    def path(self, f0: NDArray[np.floating], n_frames: float, most_points: int = MOST_POINTS) -> str:
        """The line of a contour (T,) in a plot that is `n_frames` wide, with gaps where it is unvoiced."""
        height = _HEIGHT * (self.high - semitones(f0)) / (self.high - self.low)
        stride = -(-len(height) // most_points) or 1
        parts = []
        for start, end in runs(f0 > 0):
            # The last frame of a run is drawn whatever the stride, so that a short note does not vanish.
            points = [*range(start, end, stride), end - 1]
            parts.append("M" + "L".join(f"{_x(point + 0.5, n_frames)} {height[point]:.2f}" for point in points))
        return "".join(parts)


@dataclass(frozen=True)
class PitchPlot:
    """The drawing, and the notes of its lines as (name, place from the top in percent)."""

    svg: str
    notes: tuple[tuple[str, float], ...]


def pitch_plot(source_f0: NDArray[np.floating], converted_f0: NDArray[np.floating], transpose: float) -> PitchPlot:
    """The source's pitch as it should sound, `transpose` semitones up, and the conversion's over it.

    Below, a strip shows where they differ: more than 50 cents apart, or voiced in one only.
    """
    n_frames = min(len(source_f0), len(converted_f0))
    wanted, converted = source_f0[:n_frames] * 2 ** (transpose / 12), converted_f0[:n_frames]
    scale = PitchScale.around([wanted, converted])

    def draw(f0: NDArray[np.floating], kind: str) -> str:
        return f'<path class="{kind}" d="{scale.path(f0, n_frames)}"/>'

    notes = scale.notes()
    lines = "".join(f'<path class="line" d="M0 {place:.2f}H{_WIDTH}"/>' for _, place in notes)
    off = np.abs(cents_between(wanted, converted)) > CLOSE_CENTS
    one_only = (wanted > 0) != (converted > 0)
    svg = (
        f'<svg class="pitch" viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="pitch of source and conversion">{lines}'
        f"{draw(wanted, 'wanted')}{draw(converted, 'converted')}</svg>"
        f'<svg class="strip" viewBox="0 0 {_WIDTH} 1" preserveAspectRatio="none" role="img" '
        f'aria-label="where they differ">{_bars(one_only, "one-only")}{_bars(off, "off")}</svg>'
    )
    return PitchPlot(svg, tuple((escape(name), place) for name, place in notes))


def _bars(marked: NDArray[np.bool_], kind: str) -> str:
    path = "".join(
        f"M{_x(start, len(marked))} 0H{_x(end, len(marked))}V1H{_x(start, len(marked))}" for start, end in runs(marked)
    )
    return f'<path class="{kind}" d="{path}"/>'


def _x(frame: float, n_frames: float) -> str:
    return f"{_WIDTH * frame / n_frames:.2f}"


def runs(marked: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """First and end of each stretch that is marked."""
    edges = np.flatnonzero(np.diff(marked.astype(np.int8), prepend=0, append=0))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
