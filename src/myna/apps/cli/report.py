"""Formatting helpers for the output of commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from myna.config import VOICE_BOUNDS

if TYPE_CHECKING:
    from myna.conversion.converter import ConversionSummary

_SHOWN = 10


def echo_lines(title: str, lines: Sequence[str]) -> None:
    """Print the first lines to standard error, and the number of lines left out."""
    for line in lines[:_SHOWN]:
        click.echo(f"{title}: {line}", err=True)
    if len(lines) > _SHOWN:
        click.echo(f"{title}: ... and {len(lines) - _SHOWN} more", err=True)


def listed(items: Sequence[str], separator: str = ", ") -> str:
    """Join the first items in one line, and append the number of items left out."""
    shown = separator.join(items[:_SHOWN])
    return shown if len(items) <= _SHOWN else f"{shown}{separator}... and {len(items) - _SHOWN} more"


def counted(number: int, noun: str) -> str:
    """Format a number with its noun in singular or plural: "1 clip", "2 clips"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def remarks(summary: ConversionSummary) -> str:
    """Return sentences on what a conversion changed to stay within full scale and the voice's pitch, or no text."""
    found = []
    if summary.turned_down_db >= 0.05:
        found.append(f"It is turned down by {summary.turned_down_db:.1f} dB to stay below full scale.")
    for seconds, side, hz, octave in (
        (summary.lowered_seconds, "above", VOICE_BOUNDS.high_hz, "lower"),
        (summary.raised_seconds, "below", VOICE_BOUNDS.low_hz, "higher"),
    ):
        if seconds:
            found.append(f"{seconds:.1f} s {side} {hz:.0f} Hz, a limit of the voice, are sung an octave {octave}.")
    return " ".join(found)
