"""Helpers for the text that commands print."""

from __future__ import annotations

from collections.abc import Sequence

import click

_SHOWN = 10


def echo_lines(title: str, lines: Sequence[str]) -> None:
    """Print the first lines, and the number of the rest, to standard error."""
    for line in lines[:_SHOWN]:
        click.echo(f"{title}: {line}", err=True)
    if len(lines) > _SHOWN:
        click.echo(f"{title}: ... and {len(lines) - _SHOWN} more", err=True)


def listed(items: Sequence[str], separator: str = ", ") -> str:
    """Join the first items, and the number of the rest, in one line."""
    shown = separator.join(items[:_SHOWN])
    return shown if len(items) <= _SHOWN else f"{shown}{separator}... and {len(items) - _SHOWN} more"


def counted(number: int, noun: str) -> str:
    """A number with its noun: 1 clip, 2 clips."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
