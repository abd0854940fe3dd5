"""Drawing of training curves as small SVG images in the page's colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

Point = tuple[float, float]

WIDTH, HEIGHT = 320.0, 150.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 8.0, 8.0, 20.0
_MOST_DRAWN = 240  # limit of the points per curve; more than one per pixel would be invisible
_SMOOTH = 0.85  # decay of the moving average that the bold line shows, without the noise of single batches

CSS = """
.curves { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)); gap: 0.75rem; }
figure { margin: 0; padding: 0.6rem 0.75rem; border: 1px solid var(--border-color-primary);
  border-radius: var(--radius-lg); }
figcaption { display: flex; justify-content: space-between; gap: 0.8rem; font-size: var(--text-sm); }
figcaption span { color: var(--body-text-color-subdued); }
figcaption b { font-variant-numeric: tabular-nums; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--body-text-color-subdued); font-size: 10px; font-family: inherit; }
svg .grid { stroke: var(--border-color-primary); stroke-width: 1; }
svg .raw, svg .smooth { fill: none; stroke: var(--color-accent); stroke-width: 1.8; stroke-linejoin: round; }
svg .raw { stroke-width: 1; opacity: 0.3; }
svg circle { fill: var(--color-accent); }
details { margin-top: 0.75rem; }
summary { margin-bottom: 0.5rem; }
.quiet { margin-top: 0.4rem; }
"""


def curve_svg(points: Sequence[Point], name: str) -> str:
    """Draw one curve with axis labels as SVG; the x axis shows the step."""
    shown = _thin(points)
    steps, values = [step for step, _ in shown], [value for _, value in shown]
    low, high = _range(values)
    first, last = steps[0], max(steps[-1], steps[0] + 1)

    def place(step: float, value: float) -> str:
        x = _LEFT + (step - first) / (last - first) * (WIDTH - _LEFT - _RIGHT)
        y = _TOP + (high - value) / (high - low) * (HEIGHT - _TOP - _BOTTOM)
        return f"{x:.1f},{y:.1f}"

    def line(kind: str, heights: Sequence[float]) -> str:
        path = " ".join(place(step, value) for step, value in zip(steps, heights, strict=True))
        return f'<polyline class="{kind}" points="{path}"/>'

    grid = ""
    for share in (0.0, 0.5, 1.0):
        value = low + share * (high - low)
        y = place(first, value).split(",")[1]
        grid += f'<line class="grid" x1="{_LEFT:.0f}" x2="{WIDTH - _RIGHT:.0f}" y1="{y}" y2="{y}"/>'
        grid += f'<text x="{_LEFT - 5:.0f}" y="{float(y) + 3.5:.1f}" text-anchor="end">{number(value)}</text>'
    base = HEIGHT - 5
    grid += f'<text x="{_LEFT:.0f}" y="{base}">{first:,.0f}</text>'
    grid += f'<text x="{WIDTH - _RIGHT:.0f}" y="{base}" text-anchor="end">{last:,.0f}</text>'
    if len(shown) == 1:
        x, y = place(steps[0], values[0]).split(",")
        drawn = f'<circle cx="{x}" cy="{y}" r="2.5"/>'
    elif len(shown) < 12:
        drawn = line("smooth", values)
    else:
        drawn = line("raw", values) + line("smooth", _smoothed(values))
    return f'<svg viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" role="img" aria-label="{escape(name)}">{grid}{drawn}</svg>'


def figures_html(curves: Mapping[str, Sequence[Point]]) -> str:
    """Render a grid of curves, each with its name and last value."""
    figures = "".join(
        f"<figure><figcaption><span>{escape(name)}</span><b>{number(points[-1][1])}</b></figcaption>"
        f"{curve_svg(points, name)}</figure>"
        for name, points in curves.items()
        if points
    )
    return f'<div class="curves">{figures}</div>' if figures else ""


def number(value: float) -> str:
    """Format a number with three significant digits, or as an integer if it is 100 or more."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _thin(points: Sequence[Point]) -> list[Point]:
    """Reduce a curve to at most `_MOST_DRAWN` finite points, including the last one."""
    finite = [point for point in points if abs(point[1]) < float("inf")] or [(points[-1][0], 0.0)]
    stride = -(-len(finite) // _MOST_DRAWN)
    return finite[(len(finite) - 1) % stride :: stride]


def _smoothed(values: Sequence[float]) -> list[float]:
    found, mean, weight = [], 0.0, 0.0
    for value in values:
        mean = _SMOOTH * mean + (1 - _SMOOTH) * value
        weight = _SMOOTH * weight + (1 - _SMOOTH)
        found.append(mean / weight)
    return found


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - abs(low) / 2 - 1e-6, high + abs(high) / 2 + 1e-6)
