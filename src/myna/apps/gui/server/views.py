"""Texts about songs and voices that several resources show: times, notes and lists of stretches."""

from __future__ import annotations

from collections.abc import Sequence

from myna.apps.gui.server.wording import Wording
from myna.studio.songs import Span

_MOST_SPANS = 4  # number of stretches that a text lists


def clock(seconds: float) -> str:
    """Return a time in a song, for example "1:05"."""
    whole = int(seconds)
    return f"{whole // 60}:{whole % 60:02}"


def times(spans: Sequence[Span], say: Wording) -> str:
    """List the times of stretches in a text; a long list is cut and ends with the number of omitted stretches."""
    shown = [_span(span) for span in spans[:_MOST_SPANS]]
    text = ", ".join(shown)
    return text if len(spans) <= _MOST_SPANS else say("and_more", times=text, count=len(spans) - _MOST_SPANS)


def note_name(hz: float) -> str:
    """Return the name of the note nearest to a frequency, for example "A4" for 440 Hz."""
    from myna.evaluation.drawing.axes import note_name as name_of
    from myna.units import hz_to_note

    return name_of(round(hz_to_note(hz)))


def _span(span: Span) -> str:
    start, end = clock(span.start), clock(span.end)
    return start if start == end else f"{start}–{end}"  # noqa: RUF001
